"""What can go wrong while looking after the site's health."""

from __future__ import annotations

from orchestrator_site.errors import Unavailable


class PartNotReady(Unavailable):
    """A part that the site stands on is not ready."""

    code = "part_not_ready"
