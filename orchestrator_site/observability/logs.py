"""Logs: one line an entry, as JSON for machines or as text for a person at a terminal.

Both structlog's loggers and the standard library's come through the same processors, so that Django, Celery
and our own code look alike, carry the same ids (request, project, step) and are cleaned of secrets alike.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog
from structlog.typing import Processor

from orchestrator_site.observability.secrets import hide_secrets

Style = Literal["auto", "json", "text"]

# Line breaks and other control characters, which would let a value forge an entry or paint the terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What Django, Celery and uvicorn attach to records for handlers of their own.
_OBJECTS = ("request", "server_time", "data", "color_message", "stack_info")
_MANY_LINES = frozenset({"exception", "stack"})


def configure_logging(level: str = "INFO", style: Style = "auto") -> dict[str, Any]:
    """Set structlog up, and return what Django's ``LOGGING`` is to hold.

    ``level`` is the least that is shown of our own and of libraries' entries. ``style`` is ``json``,
    ``text``, or ``auto``: text where standard error is a terminal. Entries go to standard error: standard
    output belongs to the answers of commands.
    """
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    shared = _shared_processors()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return _logging_dict(level, shared, _text_renderers() if as_text else _json_renderers())


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _without_objects,
        _add_process,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
    ]


def _json_renderers() -> list[Processor]:
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


def _text_renderers() -> list[Processor]:
    colors = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        hide_secrets,
        _escape_control_characters,
        structlog.dev.ConsoleRenderer(
            colors=colors, timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _logging_dict(level: str, shared: list[Processor], renderers: list[Processor]) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": renderers,
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django brings handlers of its own for these; ours stand at the root.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # Each of these says at INFO what nobody needs to know at INFO.
            "celery.app.trace": {"level": _at_least(level, logging.WARNING)},
            "celery.worker.strategy": {"level": _at_least(level, logging.WARNING)},
            "celery.apps.worker": {"level": _at_least(level, logging.WARNING)},
            "celery.beat": {"level": _at_least(level, logging.WARNING)},
            "celery.worker.consumer": {"level": _at_least(level, logging.WARNING)},
            "django_celery_beat": {"level": _at_least(level, logging.WARNING)},
            # Flower asks workers before they answer, and warns of each.
            "flower.inspector": {"level": _at_least(level, logging.ERROR)},
            "asyncio": {"level": _at_least(level, logging.WARNING)},
            "kombu": {"level": _at_least(level, logging.WARNING)},
        },
    }


def _at_least(level: str, least: int) -> str:
    """The higher of two levels; DEBUG is a wish to see everything."""
    wanted = logging.getLevelNamesMapping()[level]
    return level if level == "DEBUG" else logging.getLevelName(max(wanted, least))


def _add_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.setdefault("process", os.environ.get("PHASEGATE_PROCESS", "command"))
    event.setdefault("pid", os.getpid())
    return event


def _without_objects(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _OBJECTS:
        if name in event and not isinstance(event[name], (str, int, float, bool)):
            del event[name]
    return event


def _escape_control_characters(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line break in a value stays visible as ``\\n``; JSON does the same by itself."""
    for name, value in event.items():
        if isinstance(value, str) and name not in _MANY_LINES:
            event[name] = _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), value)
    return event
