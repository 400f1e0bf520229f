"""What examples of several subjects name: a project, an approval, a digest, a moment."""

from __future__ import annotations

PROJECT_ID = "0193a1f2-7c40-7d1e-8a53-2f6f0d9b41c7"
APPROVAL_ID = "0193a1f3-02b8-7be0-9c1d-51c09a7e2f34"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOMENT = "2026-11-20T09:30:00Z"
