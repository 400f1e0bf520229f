#!/usr/bin/env python3
"""The door to every command, listed by ``manage.py help``. Embedded servers run while one does."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one command, with the servers that it needs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    from orchestrator_site.embedded.entry import execute

    execute(sys.argv)


if __name__ == "__main__":
    main()
