"""The web process: ``uvicorn orchestrator_site.asgi:application``."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
os.environ.setdefault("PHASEGATE_PROCESS", "web")

# Static files are served from where they are until somebody collects them.
warnings.filterwarnings("ignore", message="No directory at", module="django.core.handlers.base")

from django.core.asgi import get_asgi_application  # noqa: E402

application = get_asgi_application()
