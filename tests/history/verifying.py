"""Verifying by command, as tests of histories do it."""

from __future__ import annotations

import io

from django.core.management import call_command


def verify(*arguments: object) -> tuple[int, str]:
    """The exit status, and what was said."""
    out = io.StringIO()
    try:
        call_command("verify_history", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()
