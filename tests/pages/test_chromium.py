"""One look with a real browser: nothing is refused by the policy, nothing throws, and a project's page follows it.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    "--dump-dom",
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


def look_at(address: str, profile: Path) -> tuple[str, str]:
    """The page as the browser has it in the end, and what its console said."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", address]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return seen.stdout, "\n".join(line for line in seen.stderr.splitlines() if "CONSOLE" in line)


def test_a_page_is_laid_out_and_the_policy_refuses_nothing(live_server: object, tmp_path: Path) -> None:
    page, console = look_at(f"{live_server}/login/", tmp_path)

    assert "Log in" in page
    assert console == ""
