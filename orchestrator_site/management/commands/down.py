"""``down``: stop the site that ``up`` runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from orchestrator_site.conf import conf
from orchestrator_site.embedded import presence
from orchestrator_site.embedded.servers import stop_unused

_TIMEOUT = 90.0  # seconds: more than every grace of ``up`` together


class Command(BaseCommand):
    """Stop a running ``up``, and embedded servers that nobody uses any more."""

    help = "Stop the site that `up` runs, wait until it is gone, and stop embedded servers left behind."
    requires_system_checks = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Stop, wait, tell."""
        var = conf().var_dir
        number = presence.end_runner(var, _TIMEOUT)
        if number is not None:
            self.stdout.write(f"Stopped the site (process {number}).")
        left = stop_unused(var)
        if left is None:
            self.stdout.write("The embedded servers stay: another command still works with them.")
        elif left:
            self.stdout.write(f"Stopped what a killed process left behind: {', '.join(left)}.")
        elif number is None:
            self.stdout.write("Nothing runs here.")
