"""``resume_project``: go on after a pause."""

from __future__ import annotations

from projects.management.steering import SteeringCommand


class Command(SteeringCommand):
    """Resume projects."""

    verb = "resume"
    help = "Go on with paused projects, and those held below them; all clocks are moved by the length of the pause."
