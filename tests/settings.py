"""The product's settings, with a ``var`` folder of the tests' own, chosen before they are read."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("PHASEGATE_VAR_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test"))
# A busy machine may take longer than this usually does, and an agent would be guarded by this process alone. Tests in
# which Redis is away say how long they wait, and processes of ours are as impatient as ever: ``process_environment``.
os.environ.setdefault("PHASEGATE_RESILIENCE_TIMEOUT_SECONDS", "5")

from orchestrator_site.settings import *  # noqa: F403

# People of tests log in hundreds of times; what their passwords withstand is not what is tested.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
