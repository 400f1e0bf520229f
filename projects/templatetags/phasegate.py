"""How templates show states, times, shares and text that agents wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import template
from django.forms import BooleanField, BoundField
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orchestrator_site import clock
from projects.deciding import inbox, visible
from projects.deciding.evidence import Laid
from projects.models import Approval, Attempt, Project, Step
from projects.standing import standing_of

register = template.Library()

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
}


@register.filter
def state_word(state: str) -> str:
    """The word for a state."""
    return str(_WORDS.get(state, state))


@register.filter
def standing(project: Project) -> str:
    """A project's state with the intents of operators: paused, being cancelled."""
    return standing_of(project)


@register.filter
def state_sign(state: str) -> str:
    """The name of the sign drawn beside a state: colour alone never says it."""
    return _SIGNS.get(state, state)


@register.simple_tag
def state(name: str) -> SafeString:
    """A state as sign and word."""
    return format_html(
        '<span class="state state-{0}"><svg class="sign" aria-hidden="true"><use href="#sign-{0}"/></svg>{1}</span>',
        state_sign(name),
        state_word(name),
    )


@register.filter
def seen(text: Any) -> SafeString:
    """Text of agents, documents or people: escaped, with hidden characters shown by their code."""
    return visible.shown("" if text is None else str(text))


@register.filter
def seen_plainly(text: Any) -> str:
    """The same where markup cannot stand, as in a title or a drawing."""
    return visible.shown_plainly("" if text is None else str(text))


@register.simple_tag
def laid_out(value: Laid) -> SafeString:
    """A piece of evidence, laid out."""
    return SafeString(render_to_string("approvals/laid_out.html", {"value": value}))


@register.filter
def percent(share: float) -> int:
    """A share from 0 to 1 in whole per cent, never 100 before it is all."""
    return 100 if share >= 1 else min(99, round(share * 100))


@register.filter
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


@register.simple_tag
def moment(at: datetime | None, style: str = "ago") -> SafeString | str:
    """A moment as ``<time>``: how long ago, with the date as its title; in style "full", the date."""
    if at is None:
        return "—"
    full = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    text = full if style == "full" else _ago(clock.now() - at)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), full, text)


@register.filter
def time_taken(work: Step | Attempt) -> str:
    """How long a step or an attempt has taken, or takes so far."""
    if work.started_at is None:
        return "—"
    return duration((work.finished_at or clock.now()) - work.started_at)


@register.filter
def tokens(usage: Mapping[str, Any]) -> str:
    """Tokens in and out of one agent, or a dash where it uses none."""
    given, taken = usage.get("tokens_in") or 0, usage.get("tokens_out") or 0
    return f"{given:,} + {taken:,}" if given or taken else "—"


@register.filter
def event_words(kind: str) -> str:
    """The kind of an event, to be read: ``step.completed`` is "Step completed"."""
    return kind.replace(".", " ").replace("_", " ").capitalize()


@register.filter
def is_key(subject: str) -> bool:
    """Whether an event's subject is a key for people, and not the id of an approval."""
    try:
        UUID(subject)
    except ValueError:
        return bool(subject)
    return False


@register.filter
def is_overdue(approval: Approval) -> bool:
    """Whether the deadline is over."""
    return approval.deadline is not None and approval.deadline <= clock.now()


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the field is one box to tick, whose label stands behind it."""
    return isinstance(field.field, BooleanField)


@register.simple_tag
def waiting_approvals(person: inbox.Person) -> int:
    """How many approvals wait for the person."""
    return inbox.waiting_for(person).count() if person.is_authenticated else 0


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
