FROM python:3.13-slim AS libraries
COPY requirements.lock /tmp/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --compile --require-hashes -r /tmp/requirements.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /tmp lockgate && install -d -o lockgate -m 0700 /var/lib/lockgate /var/lib/lockgate/exports
COPY --from=libraries /venv /venv
COPY . /app
# The image brings its libraries, so that manage.py makes no virtual environment.
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/tmp LOCKGATE_BOOT_ENVIRONMENT=ready LOCKGATE_DATA=/var/lib/lockgate
RUN python -m compileall -q /app/apps /app/controlplane
WORKDIR /app
USER lockgate
CMD ["python", "manage.py", "service", "web"]
