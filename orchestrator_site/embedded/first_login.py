"""The first person who can log in, made at the first start."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model

ADMINISTRATOR = "admin"


def make_administrator() -> str | None:
    """Make ``admin`` and give back its password, this once; None where an administrator exists already."""
    users = get_user_model()
    if users.objects.filter(is_superuser=True).exists() or users.objects.filter(username=ADMINISTRATOR).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.objects.create_superuser(username=ADMINISTRATOR, email="", password=password)
    return password
