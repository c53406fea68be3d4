# Pintle's images. Targets: operator, runtime; mlflow (a tracking server) and postgresql, for the demo and the tests.
#
#   docker build --target runtime -t docker.io/pintle/runtime:0.1.0 .
#   buildah bud --layers --target runtime -t docker.io/pintle/runtime:0.1.0 .
#
# Packages come from uv.lock, by hash. Behind a proxy with a CA of its own, pass that CA as a build secret; it
# stays out of every layer: --secret id=ca,src=/path/to/ca.crt

ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim

# ---------------------------------------------------------------------------------------------------------
FROM ${DEBIAN_IMAGE} AS base
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 65532 pintle \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin pintle
# HOME is the one folder that a pod with a read-only root can write. Nothing writes bytecode at run time:
# packages are compiled when the image is built.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# ---------------------------------------------------------------------------------------------------------
FROM base AS builder
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY runtime/build-tools.txt /src/runtime/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi \
    && python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: \
        --require-hashes --requirement /src/runtime/build-tools.txt
# Unchecked bytecode: the files of an image never change, and timestamps may when an image is copied.
ENV PATH=/opt/build/bin:$PATH \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON=/usr/bin/python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src

# What uv.lock says of each image, with hashes. In a stage of its own, so that an edit of pyproject.toml or of
# the lock rebuilds only the images whose packages it changes.
FROM builder AS lock
COPY pyproject.toml uv.lock README.md ./
COPY runtime/pyproject.toml runtime/
COPY plugin/pyproject.toml plugin/
RUN export UV_FROZEN=1 UV_NO_DEFAULT_GROUPS=1 \
    && uv export --quiet --no-emit-workspace --no-header --package pintle --output-file /lock/operator.txt \
    && uv export --quiet --no-emit-workspace --no-header --package pintle-runtime --extra s3 \
        --output-file /lock/runtime.txt \
    && uv export --quiet --no-emit-workspace --no-header --package pintle-runtime --extra s3 \
        --group mlflow-server --output-file /lock/mlflow.txt

# --- The operator. Packages first: an edit of the source rebuilds the last layers only. --------------------
FROM builder AS operator-packages
COPY --from=lock /lock/operator.txt /lock/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && uv venv /opt/venv \
    && uv pip sync --python /opt/venv --require-hashes --no-build /lock/operator.txt

FROM operator-packages AS operator-source
COPY pyproject.toml README.md ./
COPY operator/pintle operator/pintle
RUN hatchling build --target wheel --directory /dist \
    && uv pip install --python /opt/venv --no-deps --offline /dist/*.whl \
    && mkdir /out \
    && cp --archive --parents /opt/venv/lib/python3*/site-packages/pintle \
        /opt/venv/lib/python3*/site-packages/pintle-*.dist-info /out

FROM base AS operator
COPY --from=operator-packages /opt/venv /opt/venv
COPY --from=operator-source /out/ /
LABEL org.opencontainers.image.title="pintle-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
ENTRYPOINT ["python", "-m", "pintle"]

# --- The serving runtime: fetch, install, serve. -----------------------------------------------------------
FROM builder AS runtime-packages
COPY --from=lock /lock/runtime.txt /lock/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && uv venv /opt/venv \
    && uv pip sync --python /opt/venv --require-hashes --no-build /lock/runtime.txt \
    # Their own tests are a seventh of the image, and nothing imports them.
    && for package in numpy pandas scipy sklearn; do \
        find /opt/venv/lib/python3*/site-packages/$package -type d -name tests -prune -exec rm -r {} +; \
    done

FROM runtime-packages AS runtime-source
COPY runtime/pyproject.toml runtime/
COPY runtime/pintle_runtime runtime/pintle_runtime
RUN (cd runtime && hatchling build --target wheel --directory /dist) \
    && uv pip install --python /opt/venv --no-deps --offline /dist/*.whl \
    && mkdir /out \
    && cp --archive --parents /opt/venv/bin/pintle-runtime /opt/venv/lib/python3*/site-packages/pintle_runtime \
        /opt/venv/lib/python3*/site-packages/pintle_runtime-*.dist-info /out

FROM base AS runtime-base
COPY --from=runtime-packages /opt/venv /opt/venv
# MLflow reports its use to its makers by default; a model server must not call out.
ENV MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true

FROM runtime-base AS runtime
COPY --from=runtime-source /out/ /
LABEL org.opencontainers.image.title="pintle-runtime" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["pintle-runtime"]

# --- MLflow's tracking server, and what trains the demo's models. On the runtime's packages: the versions
# --- that a model is saved with are those that it is served with, and the layers are shared. --------------
FROM runtime-base AS mlflow
COPY --from=lock /lock/mlflow.txt /opt/lock/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && export UV_LINK_MODE=copy UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    && uv pip sync --python /opt/venv --require-hashes --no-build /opt/lock/mlflow.txt
COPY demo/mlflow /opt/demo
LABEL org.opencontainers.image.title="pintle-mlflow" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /tmp
EXPOSE 5000
ENTRYPOINT ["mlflow", "server"]

# --- PostgreSQL, for the tests of a tracking server on a real database. --------------------------------------
FROM base AS postgresql
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-common \
    # Pods make a cluster of their own, in a folder that they may write.
    && sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
    && apt-get install --yes --no-install-recommends postgresql \
    && ln -s /usr/lib/postgresql/*/bin /opt/postgresql \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
ENV PATH=/opt/postgresql:$PATH
LABEL org.opencontainers.image.title="pintle-postgresql" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /tmp
EXPOSE 5432
