"""The rounds of a phase side by side, and in what the results of two of them differ."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orchestrator_site.dashboard.rights import project_or_404
from projects.deciding import inbox
from projects.errors import RoundNotFound
from projects.services import rounds


@require_safe
@login_required
def show(request: HttpRequest, project_id: UUID, key: str) -> HttpResponse:
    """All rounds; two are compared: those that are asked for, else the last two."""
    project = project_or_404(request, project_id)
    try:
        phase = rounds.phase_of(project, key)
        all_of_them = rounds.rounds_of(phase)
        numbers = [each.number for each in all_of_them]
        first, second = _chosen(request, numbers)
        compared = rounds.compare_rounds(phase, first, second) if first != second else ()
    except RoundNotFound as error:
        raise Http404(str(error)) from None
    context = {
        "project": project,
        "phase": phase,
        "rounds": all_of_them,
        "numbers": numbers,
        "first": first,
        "second": second,
        "compared": compared,
        "readable": set(inbox.readable_by(request.user).filter(phase=phase).values_list("pk", flat=True)),
    }
    return render(request, "dashboard/rounds.html", context)


def _chosen(request: HttpRequest, numbers: list[int]) -> tuple[int, int]:
    """The rounds to compare; what is no round is passed over."""
    usual = (numbers[-2] if len(numbers) > 1 else numbers[-1], numbers[-1])
    asked = [request.GET.get(name, "") for name in ("first", "second")]
    first, second = (
        int(text) if text.isdecimal() and int(text) in numbers else default
        for text, default in zip(asked, usual, strict=True)
    )
    return first, second
