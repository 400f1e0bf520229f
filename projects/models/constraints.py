"""Database constraints derived from the tables of states, so that the database refuses what the tables do."""

from __future__ import annotations

from typing import Any

from django.db.models import CheckConstraint, Q

from orchestrator_site.statemachine import Machine, State


def known_state(model: str, states: type[State], field: str = "state") -> CheckConstraint:
    """The column holds a member of the enum and nothing else."""
    return CheckConstraint(
        condition=Q(**{f"{field}__in": [member.value for member in states]}), name=f"{model}_{field}_is_known"
    )


def finished_iff_terminal(model: str, machine: Machine[Any], field: str = "finished_at") -> CheckConstraint:
    """A row has its moment of ending exactly when its state is terminal."""
    ended = Q(state__in=sorted(machine.terminal))
    has_moment = Q(**{f"{field}__isnull": False})
    return CheckConstraint(
        condition=(ended & has_moment) | (~ended & ~has_moment), name=f"{model}_finished_iff_terminal"
    )
