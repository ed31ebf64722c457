# `make` lists what there is. The environment in .venv is made, with all that it needs, by whatever needs it first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A machine without an NVIDIA GPU must not pull several GB of CUDA: the constraint keeps torch at its CPU build.
HAS_GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo yes)
comma := ,
# What the page of `diptych serve` needs of the JavaScript world: the runtime that it carries, and a type checker for its sources.
PAGE := $(VENV)/page
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
RUNTIME = $(shell sed -n 's/^PACKAGE = "\(.*\)"/\1/p' src/diptych/serving/page/assets.py)
PIP_FLAGS := $(if $(HAS_GPU),,-c constraints/cpu.txt)

# A second environment, with the lowest versions that pyproject.toml allows.
LOWEST := .venv-lowest

.PHONY: help demo test test-fast test-lowest mutants check docs format options page bench curves bench-gpu clean

help:
	@echo "make demo       train on OpenMoji drawings and show what came of it (half an hour of processor time in float32, on two cores; less with bfloat16)"
	@echo "make test       every test"
	@echo "make test-fast  the tests that take seconds"
	@echo "make test-lowest  these with the lowest versions that pyproject.toml allows, in $(LOWEST)"
	@echo "make mutants    how many small changes of the code the tests notice (an hour of a core, and more)"
	@echo "make check      lint, format, types, layers, repeated code, documentation"
	@echo "make docs       build the documentation as a site, in build/docs; a dead link is an error"
	@echo "make format     put the code into its format"
	@echo "make options    write docs/options.md from the code"
	@echo "make page       fetch the browser's ONNX runtime for the page of diptych serve, anew"
	@echo "make bench      speed and memory, as tables (BENCHMARKS.md)"
	@echo "make bench-gpu  what a GPU alone can show, in under eight minutes"
	@echo "make curves     quality against minutes, ours and the reference's, with pictures (two hours of a core)"
	@echo "make clean      remove the environment and what tools left behind"

$(READY): pyproject.toml constraints/cpu.txt
	@command -v $(PYTHON) >/dev/null || { echo "diptych needs Python 3.11 or newer; install it, or say where: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "diptych needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m ensurepip --version >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && apt-get install -y -q python3-venv; } || { echo "Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Making the environment in $(VENV) (a few minutes the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -e '.[$(if $(HAS_GPU),dev,dev$(comma)cpu)]'
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q >/dev/null && apt-get install -y -q chromium >/dev/null; } || echo "No Chromium: the tests that need a browser will be skipped (on Debian: apt-get install chromium)."
	@$(MAKE) --no-print-directory page || echo "No npm packages: pages cannot translate in the browser itself, and their sources are not type-checked."
	@touch $(READY)

page:
	@$(NPM) install --silent --no-save --no-package-lock --prefix $(PAGE) $(RUNTIME) typescript@7.0.2 axe-core@4 pngjs@7
	@$(BIN)/python -m diptych.serving.page.assets $(PAGE)/node_modules/onnxruntime-web/dist

demo: $(READY)
	@$(BIN)/diptych demo

# One thread a worker: two workers with a team of threads each would fight for the cores.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

test-fast: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m "not slow and not gpu"

$(LOWEST)/.ready: pyproject.toml constraints/lowest.txt
	@$(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints/lowest.txt -e '.[dev,cpu]'
	@touch $(LOWEST)/.ready

test-lowest: $(LOWEST)/.ready
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 -q -m "not slow and not gpu"

$(VENV)/.mutmut: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -e '.[mutants]'
	@touch $(VENV)/.mutmut

# One thread: with a team of threads the forks stall. ONLY="diptych.losses*" tries a part; what was tried is not tried again.
mutants: $(VENV)/.mutmut
	OMP_NUM_THREADS=1 nice -n 10 $(BIN)/mutmut run --max-children 1 $(if $(ONLY),"$(ONLY)") > mutmut.log || { tail -n 20 mutmut.log; exit 1; }
	@$(BIN)/python benchmarks/mutants.py

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pylint --disable=all --enable=duplicate-code src benchmarks
	@$(MAKE) --no-print-directory docs
	@if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile && echo "Dockerfile: fine"; fi
	@if [ -x $(PAGE)/node_modules/.bin/tsc ]; then PATH="$(CURDIR)/$(BIN):$$PATH" $(PAGE)/node_modules/.bin/tsc -p src/diptych/serving/page && echo "types of the page: fine"; fi

# Anew each time: Sphinx says what is wrong with a page only when it reads it.
docs: $(READY)
	@rm -rf build/docs
	@$(BIN)/sphinx-build -W --keep-going -q docs build/docs && echo "documentation: build/docs/index.html"

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

options: $(READY)
	@$(BIN)/diptych options --markdown > docs/options.md.new && mv docs/options.md.new docs/options.md

bench: $(READY)
	@$(BIN)/python benchmarks/everything.py

curves: $(READY)
	@$(BIN)/python benchmarks/learning_curves.py

bench-gpu: $(READY)
	@$(BIN)/python benchmarks/gpu.py

clean:
	rm -rf $(VENV) $(LOWEST) mutants mutmut.log build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
