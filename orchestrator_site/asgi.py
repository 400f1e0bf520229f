"""The web process: ``uvicorn orchestrator_site.asgi:application``."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
os.environ.setdefault("PHASEGATE_PROCESS", "web")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
