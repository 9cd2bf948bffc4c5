# syntax=docker/dockerfile:1
# Two stages: the wheel and its locked dependencies are installed in the first, and only the result
# is carried over. Runs as an ordinary user, and on a read-only root file system: everything that
# is written lies under /data.

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/convoca \
 && /opt/convoca/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md ./
COPY app app
COPY templates templates
COPY migrations migrations
# The build tool comes from the locked list too, so that nothing else is fetched.
RUN /opt/convoca/bin/python -m hatchling build -t wheel -d dist \
 && /opt/convoca/bin/pip install --no-cache-dir --no-deps --no-index dist/*.whl

FROM python:3.12-slim
# pg_dump and pg_restore, for convoca backup; not older than the server in compose.yaml.
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 convoca \
 && useradd --uid 10001 --gid convoca --home-dir /data --no-create-home --shell /usr/sbin/nologin convoca \
 && install -d -o convoca -g convoca -m 0700 /data
COPY --from=build /opt/convoca /opt/convoca
ENV PATH=/opt/convoca/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CONVOCA_DATA_DIR=/data \
    CONVOCA_HOST=0.0.0.0 \
    CONVOCA_PORT=8000
USER convoca
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['CONVOCA_PORT'] + '/healthz', timeout=4)"]
# One container is enough to begin with; compose.yaml runs web and worker apart.
CMD ["sh", "-c", "convoca migrate && exec convoca serve --with-worker"]
