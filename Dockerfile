# syntax=docker/dockerfile:1
# One file for linux/amd64 and linux/arm64: every requirement has wheels for both, so nothing is compiled and the build
# stage runs the target's own Python. Holds the commands multiarch-scheduler (the entry point), multiarch-extender and
# kubectl-imageplatform. `docker buildx build --platform linux/amd64,linux/arm64 .`
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# Hatchling's own default; the same sources make the same wheel.
ARG SOURCE_DATE_EPOCH=1580601600
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/build && python -m venv --without-pip /opt/scheduler
COPY requirements/ /src/requirements/
RUN /opt/build/bin/pip install --require-hashes --only-binary=:all: --requirement /src/requirements/build.txt \
 && /opt/build/bin/pip --python /opt/scheduler/bin/python install --no-compile --require-hashes --only-binary=:all: \
    --requirement /src/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /src/
COPY scheduler/ /src/scheduler/
COPY extender/ /src/extender/
WORKDIR /src
RUN /opt/build/bin/hatchling build --target wheel --directory /wheel
# Compiled once, and by content: nothing can be compiled later in a file system that is read-only.
RUN /opt/build/bin/pip --python /opt/scheduler/bin/python install --no-compile --no-index --no-deps /wheel/*.whl \
 && /opt/scheduler/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/scheduler/lib

FROM python:${PYTHON}-slim
ARG PYTHON
LABEL org.opencontainers.image.title="multiarch-scheduler" \
      org.opencontainers.image.description="Schedules Kubernetes pods onto the nodes whose platform their images were built for" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:${PYTHON}-slim"
COPY --from=build /opt/scheduler /opt/scheduler
ENV PATH=/opt/scheduler/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
# Health and metrics, gRPC; the extender's calls, and its health and metrics.
EXPOSE 10261 10262 10271 10272
# Of the entry point. Kubernetes has its own probes, and the extender another port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:10261/livez', timeout=2)"]
ENTRYPOINT ["multiarch-scheduler"]
CMD ["run"]
