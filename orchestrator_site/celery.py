"""The Celery application: it carries ids between processes, and nothing that could not be lost."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")

app = Celery("phasegate")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes database connections around every task unless told how often one may be used again.
app.conf.CELERY_DB_REUSE_MAX = 1_000_000
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery asks before it sets up logging of its own: Django's settings have done it."""
