"""All steps of a project, and the page of one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from orchestrator_site.dashboard.keyset import keyset_page
from orchestrator_site.dashboard.project_page import is_held, message_of
from orchestrator_site.dashboard.rights import project_or_404
from projects.models import Attempt, Step
from projects.services import results
from projects.services.performers import NOBODY, asked_for, degradation, performers_of, sentence_of
from projects.services.progressing import why
from projects.states import AttemptOutcome, StepState

PAGE = 50
MOST_ATTEMPTS = 50


class StepList(LoginRequiredMixin, TemplateView):
    """Every step and item of every round, newest first, by state and by list."""

    template_name = "dashboard/steps.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One page of rows."""
        project = project_or_404(self.request, kwargs["project_id"])
        asked = self.request.GET
        steps = Step.objects.filter(project=project).select_related("phase", "parent")
        steps = steps.defer("result", "item", "parent__result", "parent__item")
        state, of = asked.get("state", ""), asked.get("of", "")
        if state in list(StepState):
            steps = steps.filter(state=state)
        parent = _step(steps, of)
        if parent is not None:
            steps = steps.filter(parent=parent)
        page = keyset_page(steps, before=asked.get("before", ""), after=asked.get("after", ""), size=PAGE)
        performing, taken = performers_of(page.rows), Attempt.objects.taken_by(page.rows)
        rows = [
            (
                step,
                message_of(step.error),
                performing.get(step.pk, NOBODY).agent or asked_for(step),
                degradation(step),
                taken.get(step.pk, 0),
            )
            for step in page.rows
        ]
        return super().get_context_data(
            project=project,
            rows=rows,
            page=page,
            states=[each.value for each in StepState],
            wanted=state,
            parent=parent,
            **kwargs,
        )


@require_safe
@login_required
def show(request: HttpRequest, project_id: UUID, step_id: UUID) -> HttpResponse:
    """A step: what it was to do, what came of it, its attempts."""
    project = project_or_404(request, project_id)
    steps = Step.objects.filter(project=project).select_related("phase", "parent")
    step = get_object_or_404(steps, pk=step_id)
    attempts = [
        (attempt, message_of(attempt.error), attempt.performer or _named(step, attempt), sentence_of(attempt.decision))
        for attempt in Attempt.objects.filter(step=step).order_by("-number")[:MOST_ATTEMPTS]
    ]
    spec = step.spec if step.spec is not None else (step.parent.spec if step.parent is not None else {})
    texts = {
        "parameters": _as_text((spec or {}).get("params")),
        "item": _as_text(step.item),
        "result": _as_text(results.shown(step)),
    }
    context = {
        "project": project,
        "step": step,
        "attempts": attempts,
        "message": "" if is_held(step) else message_of(step.error),
        "why": why(project, [step]).get(step.pk, ""),
        "asked_for": asked_for(step),
        "performing": performers_of([step]).get(step.pk, NOBODY),
        "degraded": degradation(step),
        **texts,
    }
    return render(request, "dashboard/step.html", context)


def _named(step: Step, attempt: Attempt) -> str:
    """The agent that a step names was called without anybody being chosen."""
    return "" if attempt.outcome == AttemptOutcome.HELD else step.agent


def _as_text(value: Any) -> str:
    return "" if value in (None, {}, []) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _step(steps: Any, of: str) -> Step | None:
    try:
        return steps.filter(pk=UUID(of)).first() if of else None
    except ValueError:
        return None
