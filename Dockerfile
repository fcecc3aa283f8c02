# syntax=docker/dockerfile:1
# One file for linux/amd64 and linux/arm64: every requirement has wheels for both, so nothing is compiled and the build
# stage runs the target's own Python. Holds both commands: multiarch-scheduler (the entry point) and multiarch-extender.
# `docker buildx build --platform linux/amd64,linux/arm64 .`
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/build && python -m venv /opt/scheduler
COPY requirements/ /src/requirements/
RUN /opt/build/bin/pip install --require-hashes --only-binary=:all: --requirement /src/requirements/dev.txt \
 && /opt/scheduler/bin/pip install --require-hashes --only-binary=:all: --requirement /src/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /src/
COPY scheduler/ /src/scheduler/
COPY extender/ /src/extender/
WORKDIR /src
RUN /opt/build/bin/hatchling build --target wheel --directory /wheel
RUN /opt/scheduler/bin/pip install --no-deps /wheel/*.whl \
 && /opt/scheduler/bin/python -m compileall -q /opt/scheduler/lib

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="multiarch-scheduler" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/scheduler /opt/scheduler
ENV PATH=/opt/scheduler/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 10261
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:10261/livez', timeout=2)"]
ENTRYPOINT ["multiarch-scheduler"]
CMD ["run"]
