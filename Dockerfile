# diptych serve on a processor. Build it from the repository, and give it a folder of runs:
#
#   docker build -t diptych .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs:/runs:ro" diptych /runs/pix2pix

# The runtime by which pages translate in the browser itself; the versions are those of `make page`.
FROM node:22-bookworm-slim AS page
WORKDIR /page
RUN npm install --silent --no-save --no-package-lock --prefix /page onnxruntime-web@1.30.0

FROM python:3.12-slim-bookworm AS build
RUN python -m venv /app/venv
ENV PATH=/app/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY constraints ./constraints
# By itself, so that a change of the sources does not fetch it again. "+cpu": the index's own torch for Linux brings CUDA with it.
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0+cpu'
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
COPY --from=page /page/node_modules/onnxruntime-web/dist ./dist
RUN PYTHONPATH=src python -c "from pathlib import Path; from diptych.serving.assets import carry; carry(Path('dist'))" \
    && pip install -c constraints/cpu.txt '.[serve,openvino,tiff]'

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --home-dir /app --no-create-home diptych && mkdir -p /app/cache && chown diptych /app/cache
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 DIPTYCH_CACHE=/app/cache
USER diptych
WORKDIR /app
EXPOSE 8000
# The first start exports each network, which takes some seconds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["diptych", "serve", "--host", "0.0.0.0", "--port", "8000"]
