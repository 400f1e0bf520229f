"""How templates show states, times, shares and text that agents wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template
from django.forms import BooleanField, BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from orchestrator_site import clock
from orchestrator_site.showing import tags
from projects.deciding import inbox
from projects.deciding.evidence import Laid
from projects.models import Approval, Attempt, Project, Step
from projects.reports.durations import left_in_words
from projects.services.progressing import Progress
from projects.standing import standing_of

register = template.Library()
register.filter(tags.state_word)
register.filter(tags.state_sign)
register.simple_tag(tags.state)
register.filter(tags.seen)
register.filter(tags.seen_plainly)
register.filter(tags.percent)
register.filter(tags.duration)
register.simple_tag(tags.moment)
register.filter(tags.event_words)


@register.filter
def standing(project: Project) -> str:
    """A project's state with the intents of operators: paused, being cancelled."""
    return standing_of(project)


@register.simple_tag
def laid_out(value: Laid) -> SafeString:
    """A piece of evidence, laid out."""
    return SafeString(render_to_string("approvals/laid_out.html", {"value": value}))


@register.filter
def time_taken(work: Step | Attempt) -> str:
    """How long a step or an attempt has taken, or takes so far."""
    if work.started_at is None:
        return "—"
    return tags.duration((work.finished_at or clock.now()) - work.started_at)


@register.filter
def time_left(progress: Progress) -> str:
    """How long the rest may take, from which to which; nothing where that is not known."""
    return left_in_words(progress.eta_low, progress.eta, progress.eta_high)


@register.filter
def tokens(usage: Mapping[str, Any]) -> str:
    """Tokens in and out of one agent, or a dash where it uses none."""
    given, taken = usage.get("tokens_in") or 0, usage.get("tokens_out") or 0
    return f"{given:,} + {taken:,}" if given or taken else "—"


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
