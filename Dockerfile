# syntax=docker/dockerfile:1
# Two stages: the first installs exactly what requirements.txt pins, the second holds that and the product alone.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install --quiet --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=orchestrator_site.settings PHASEGATE_VAR_DIR=/var/lib/phasegate
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin phasegate \
    && install -d -o phasegate -g phasegate -m 0700 /var/lib/phasegate
WORKDIR /srv/phasegate
COPY --from=build /opt/venv /opt/venv
COPY manage.py ./
COPY orchestrator_site orchestrator_site
COPY projects projects
COPY agents agents
COPY sagas sagas
COPY templates templates
USER phasegate
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "uvicorn", "orchestrator_site.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--timeout-graceful-shutdown", "20"]
