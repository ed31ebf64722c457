# diptych serve on a processor. Build it from the repository, and give it a folder of runs:
#
#   docker build -t diptych .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs:/runs:ro" diptych /runs/pix2pix
#
# A quarter of the size, for exported files alone (diptych export RUN --to onnx --out runs/it.onnx):
#
#   docker build -t diptych:onnx --target onnx .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs:/runs:ro" diptych:onnx /runs/it.onnx

# The build fetches the runtime by which pages translate in the browser itself, through npm (hatch_build.py).
FROM python:3.12-slim-bookworm AS wheel
WORKDIR /build
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src ./src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim-bookworm AS small
ENV PATH=/app/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /app/venv
WORKDIR /build
COPY constraints ./constraints
RUN pip install --only-binary :all: -r constraints/without-torch.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl

FROM python:3.12-slim-bookworm AS whole
ENV PATH=/app/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /app/venv
WORKDIR /build
COPY constraints ./constraints
# By itself, so that a change of the sources does not fetch it again. "+cpu": the index's own torch for Linux brings CUDA with it.
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0+cpu'
COPY --from=wheel /wheels /wheels
RUN pip install -c constraints/cpu.txt --find-links /wheels 'diptych[serve,openvino,tiff]'

FROM python:3.12-slim-bookworm AS served
RUN useradd --uid 10001 --home-dir /app --no-create-home diptych && mkdir -p /app/cache && chown diptych /app/cache
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 DIPTYCH_CACHE=/app/cache
USER 10001
WORKDIR /app
EXPOSE 8000
# The first start exports each network, which takes some seconds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["diptych", "serve", "--host", "0.0.0.0", "--port", "8000"]

FROM served AS onnx
COPY --from=small /app/venv /app/venv

FROM served
COPY --from=whole /app/venv /app/venv
