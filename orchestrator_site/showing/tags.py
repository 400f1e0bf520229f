"""States, times, shares and text that others wrote, as HTML: what templates and the admin show alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orchestrator_site import clock
from orchestrator_site.showing import visible

_WORDS = {
    "pending": gettext_lazy("not begun"),
    "ready": gettext_lazy("ready"),
    "running": gettext_lazy("running"),
    "waiting": gettext_lazy("waiting"),
    "completed": gettext_lazy("completed"),
    "failed": gettext_lazy("failed"),
    "skipped": gettext_lazy("skipped"),
    "cancelled": gettext_lazy("cancelled"),
    "paused": gettext_lazy("paused"),
    "cancelling": gettext_lazy("being cancelled"),
    "open": gettext_lazy("waiting"),
    "approved": gettext_lazy("approved"),
    "rejected": gettext_lazy("rejected"),
    "void": gettext_lazy("void"),
    "overdue": gettext_lazy("overdue"),
    "timed_out": gettext_lazy("timed out"),
    "lost": gettext_lazy("worker lost"),
    "handed_back": gettext_lazy("handed back"),
    "held": gettext_lazy("waited for an agent"),
    "proposed": gettext_lazy("proposed"),
    "applied": gettext_lazy("applied"),
    "refused": gettext_lazy("refused"),
    "starting": gettext_lazy("starting"),
    "healthy": gettext_lazy("healthy"),
    "degraded": gettext_lazy("degraded"),
    "unhealthy": gettext_lazy("unhealthy"),
    "draining": gettext_lazy("draining"),
    "gone": gettext_lazy("gone"),
    "circuit_closed": gettext_lazy("closed"),
    "circuit_open": gettext_lazy("open"),
    "circuit_half_open": gettext_lazy("half open"),
    "circuit_forced_open": gettext_lazy("forced open"),
    "circuit_forced_closed": gettext_lazy("forced closed"),
}
_SIGNS = {
    "open": "waiting",
    "approved": "completed",
    "rejected": "failed",
    "void": "cancelled",
    "cancelling": "cancelled",
    "timed_out": "failed",
    "lost": "failed",
    "handed_back": "skipped",
    "held": "waiting",
    "overdue": "failed",
    "proposed": "waiting",
    "applied": "completed",
    "refused": "failed",
    "starting": "pending",
    "healthy": "completed",
    "degraded": "waiting",
    "unhealthy": "failed",
    "draining": "paused",
    "gone": "cancelled",
    "circuit_closed": "completed",
    "circuit_open": "failed",
    "circuit_half_open": "waiting",
    "circuit_forced_open": "failed",
    "circuit_forced_closed": "completed",
}


def state_word(state: str) -> str:
    """The word for a state."""
    return str(_WORDS.get(state, state))


def state_sign(state: str) -> str:
    """The name of the sign drawn beside a state: colour alone never says it."""
    return _SIGNS.get(state, state)


def state(name: str) -> SafeString:
    """A state as sign and word."""
    return format_html(
        '<span class="state state-{0}"><svg class="sign" aria-hidden="true"><use href="#sign-{0}"/></svg>{1}</span>',
        state_sign(name),
        state_word(name),
    )


def seen(text: Any) -> SafeString:
    """Text of agents, documents or people: escaped, with hidden characters shown by their code."""
    return visible.shown("" if text is None else str(text))


def seen_plainly(text: Any) -> str:
    """The same where markup cannot stand, as in a title or a drawing."""
    return visible.shown_plainly("" if text is None else str(text))


def percent(share: float) -> int:
    """A share from 0 to 1 in whole per cent, never 100 before it is all."""
    return 100 if share >= 1 else min(99, round(share * 100))


def duration(length: timedelta | float | None) -> str:
    """A length of time in its two largest units."""
    if length is None:
        return "—"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 60:
        return _("%(n)s s") % {"n": f"{max(seconds, 0):.1f}" if seconds < 10 else int(seconds)}
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 60:
        return _("%(m)d min %(s)d s") % {"m": minutes, "s": int(seconds % 60)}
    if hours < 24:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes % 60}
    return ngettext("%(d)d day %(h)d h", "%(d)d days %(h)d h", days) % {"d": days, "h": hours % 24}


def moment(at: datetime | None, style: str = "ago") -> SafeString | str:
    """A moment as ``<time>``: how long ago, with the date as its title; in style "full", the date."""
    if at is None:
        return "—"
    full = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    text = full if style == "full" else _ago(clock.now() - at)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), full, text)


def event_words(kind: str) -> str:
    """The kind of an event, to be read: ``step.completed`` is "Step completed"."""
    return kind.replace(".", " ").replace("_", " ").capitalize()


def _ago(length: timedelta) -> str:
    if length < timedelta(0):
        return _("in %(time)s") % {"time": duration(-length)}
    if length < timedelta(seconds=5):
        return _("just now")
    return _("%(time)s ago") % {"time": _rough(length)}


def _rough(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds >= 86400:
        return ngettext("%(n)d day", "%(n)d days", seconds // 86400) % {"n": seconds // 86400}
    if seconds >= 3600:
        return _("%(n)d h") % {"n": seconds // 3600}
    if seconds >= 60:
        return _("%(n)d min") % {"n": seconds // 60}
    return _("%(n)d s") % {"n": seconds}
