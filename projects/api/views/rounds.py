"""The rounds of a phase, and two of them laid side by side."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api.operations import answered, operation
from projects.api import examples
from projects.api.filters import RoundsQuery
from projects.api.resource import Resource
from projects.api.serializers.insight import PhaseRoundsSerializer
from projects.models import Phase
from projects.services import rounds


class PhaseRounds(Resource):
    """`projects/{project_id}/phases/{key}/rounds`."""

    tag = "projects"

    @operation(
        "projects_phase_rounds",
        "Read the rounds of a phase",
        "Each round with its steps, the digests of their results, quality, approvals, and why it was sent back; "
        "`compare=1,2` says in what the results of two differ.",
        parameters=[RoundsQuery],
        responses={200: PhaseRoundsSerializer},
        examples=[answered(examples.ROUNDS)],
    )
    def get(self, request: Request, project_id: str, key: str) -> Response:
        """Its rounds."""
        wanted = self.query(RoundsQuery).get("compare")
        phase = rounds.phase_of(self.project(project_id), key)
        shown = {
            "project": phase.project_id,
            "phase": phase.key,
            "title": phase.title,
            "rounds": rounds.rounds_of(phase),
            "compared": _compared(phase, wanted) if wanted else None,
        }
        return Response(PhaseRoundsSerializer(shown).data)


def _compared(phase: Phase, wanted: str) -> dict[str, Any]:
    first, second = (int(number) for number in wanted.split(","))
    return {"first": first, "second": second, "steps": rounds.compare_rounds(phase, first, second)}
