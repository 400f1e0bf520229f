"""``pause_project``: let no further step start."""

from __future__ import annotations

from projects.management.steering import SteeringCommand


class Command(SteeringCommand):
    """Pause projects."""

    verb = "pause"
    help = "Let no further step of projects start, nor of those below; what runs may finish, all clocks stand still."
