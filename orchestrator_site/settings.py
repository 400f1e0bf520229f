"""Django's settings, composed from ``conf``: nothing is decided here that an operator should set."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dj_database_url
import django_stubs_ext
from csp.constants import NONCE, NONE, SELF

from orchestrator_site.conf import BASE_DIR, CONTROL_QUEUE, POOLS, PRIORITIES, conf
from orchestrator_site.embedded.addresses import addresses
from orchestrator_site.embedded.secrets import secret_key
from orchestrator_site.observability.logs import configure_logging

# Django's generic classes take type arguments at run time, as they do for the type checker.
django_stubs_ext.monkeypatch()

CONF = conf()
EMBEDDED = addresses(CONF.var_dir)

SECRET_KEY = CONF.secret_key or secret_key(CONF.var_dir)
DEBUG = CONF.debug
ALLOWED_HOSTS = list(CONF.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [CONF.base_url]

PROCESS = os.environ.get("PHASEGATE_PROCESS", "")
INSTALLED_APPS = [
    # A worker shows no admin: what is not imported need not be waited for when a worker is started again.
    "django.contrib.admin.apps.SimpleAdminConfig" if PROCESS.startswith("worker-") else "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "csp",
    "orchestrator_site",
    "orchestrator_site.observability",
    "orchestrator_site.history",
    "orchestrator_site.access",
    "orchestrator_site.bus",
    "agents",
    "sagas",
    "projects",
]

MIDDLEWARE = [
    "orchestrator_site.observability.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
]

ROOT_URLCONF = "orchestrator_site.urls"
ASGI_APPLICATION = "orchestrator_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- servers ---------------------------------------------------------------------------------------------------

DATABASES = {"default": dj_database_url.parse(CONF.database_url or EMBEDDED.database_url)}
# A server that is gone without a word is noticed within seconds, not after the two hours of the operating system.
DATABASES["default"].setdefault("OPTIONS", {}).update(
    keepalives=1, keepalives_idle=10, keepalives_interval=5, keepalives_count=3, tcp_user_timeout=20_000
)
if PROCESS == "web":
    # Under ASGI a connection kept by age leaks one a thread; the driver's own pool is the way there.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 20, "timeout": 5}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # else the pool hands out what the server has closed meanwhile
else:
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if not CONF.pooled_sessions:
    # From the first time on; only cursors that bind on the server prepare, which are those of the hot path.
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 0
    # They name their rows by keys. A connection keeps the plan that it made when a table was small, and a table without
    # an entry is read whole by preference: it would still be so with a million rows in it. And where the keys are a
    # list the server takes its plan for any list to be dearer than one for this list, and would plan each time anew.
    # Who was stopped in the middle of a transaction, or whose host is lost, holds rows no longer than so; and the
    # server too learns of a lost host within seconds. A pooler takes no such options: there the role is to have them.
    DATABASES["default"]["OPTIONS"].setdefault(
        "options",
        "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
        f" -c idle_in_transaction_session_timeout={round(CONF.idle_transaction_seconds * 1000)}"
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

BROKER_URL = CONF.broker_url or EMBEDDED.broker_url
RESULT_URL = CONF.result_url or (EMBEDDED.result_url if not CONF.broker_url else CONF.broker_url)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CONF.cache_url or (EMBEDDED.cache_url if not CONF.broker_url else CONF.broker_url),
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        "KEY_PREFIX": "phasegate",
    }
}

# --- Celery (why each value: docs/decisions/0002-engine.md) ----------------------------------------------------

CELERY_BROKER_URL = BROKER_URL
CELERY_RESULT_BACKEND = RESULT_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Leases in PostgreSQL bring work back; this timeout only has to be longer than any leg, or legs arrive twice.
    "visibility_timeout": 6 * 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # A worker takes from its queues in their order, critical first; "round_robin", the default, would take turns.
    "queue_order_strategy": "priority",
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "global_keyprefix": "phasegate:",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_REDIS_SOCKET_TIMEOUT = 5
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3
CELERY_REDIS_SOCKET_KEEPALIVE = RESULT_URL.startswith(("redis://", "rediss://"))  # a Unix socket takes none
CELERY_RESULT_EXPIRES = 3600
CELERY_RESULT_CHORD_EXPIRES = 24 * 3600
CELERY_RESULT_BACKEND_ALWAYS_RETRY = True
CELERY_RESULT_BACKEND_MAX_RETRIES = 10
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {
    "global_keyprefix": "phasegate:",
    "retry_policy": {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_TRACK_STARTED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = CONTROL_QUEUE
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_QUEUES: dict[str, dict[str, str]] = {
    queue: {} for queue in (CONTROL_QUEUE, *(f"{pool}.{priority}" for pool in POOLS for priority in PRIORITIES))
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ETA_TASK_LIMIT = 100
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5000
CELERY_WORKER_SEND_TASK_EVENTS = False  # Flower, where it runs, has the workers send them
CELERY_TASK_SEND_SENT_EVENT = False  # a second message for each; workers' events tell Flower enough
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "orchestrator_site.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1


def _whole(seconds: float) -> int:
    """Beat keeps schedules in whole seconds: half a one would be none, and beat would send without a pause."""
    return max(1, round(seconds))


CELERY_BEAT_SCHEDULE = {
    "recover": {
        "task": "projects.recover",
        "schedule": _whole(CONF.recovery_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.recovery_seconds * 2))},
    },
    "fire timers": {
        "task": "projects.fire_timers",
        "kwargs": {"look_ahead": True},
        "schedule": _whole(CONF.timer_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.timer_seconds * 2))},
    },
    "tell of standstill": {
        "task": "projects.tell_standstill",
        "schedule": 10,
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": 20},
    },
    "fire schedules": {
        "task": "projects.fire_schedules",
        "schedule": _whole(CONF.schedule_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.schedule_seconds * 2))},
    },
    "remove what is left behind": {
        "task": "projects.remove_left_behind",
        "schedule": 24 * 3600,
        "options": {"queue": "cpu.low", "expire_seconds": 12 * 3600},
    },
    "seal history": {
        "task": "projects.seal_history",
        "schedule": _whole(CONF.sealing_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.sealing_seconds * 2))},
    },
    "write down heartbeats of agents": {
        "task": "agents.write_down_heartbeats",
        "schedule": _whole(CONF.agent_write_down_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.agent_write_down_seconds * 2))},
    },
    "sweep agents": {
        "task": "agents.sweep",
        "schedule": _whole(CONF.agent_sweep_seconds),
        "options": {"queue": CONTROL_QUEUE, "expire_seconds": max(1, int(CONF.agent_sweep_seconds * 2))},
    },
    # Not on the control queue: it may take long, and recovery must not wait for it.
    "archive history": {
        "task": "projects.archive_history",
        "schedule": 24 * 3600,
        "options": {"queue": "cpu.low", "expire_seconds": 12 * 3600},
    },
}

# --- API -------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "orchestrator_site.access.authentication.APIKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "EXCEPTION_HANDLER": "orchestrator_site.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
IDEMPOTENCY_RECORD = "projects.IdempotencyRecord"  # the table of keys of the whole API
SPECTACULAR_SETTINGS = {
    "TITLE": "Phasegate",
    "DESCRIPTION": "Projects of software agents and people: start them, follow them, decide, steer.",
    "VERSION": "2.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- security --------------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "dashboard:login"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if CONF.production:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
    # The pages of API documentation and the browsable API bring inline styles of their own.
    "EXCLUDE_URL_PREFIXES": ("/api/",),
}
DATA_UPLOAD_MAX_MEMORY_SIZE = CONF.document_max_bytes * 2
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- language, time, files, logs -------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [path for path in (BASE_DIR / "templates" / "static",) if path.is_dir()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
LOGGING = configure_logging(CONF.log_level, CONF.log_format)
LOGGING_CONFIG = "logging.config.dictConfig"
DOCUMENT_ROOT: Path | None = CONF.document_dir
TESTING = "pytest" in sys.modules
