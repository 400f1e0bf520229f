"""``create_api_key NAME --role ROLE``: make a key and show it, this once."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser

from orchestrator_site.access import services
from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.errors import KeyInvalid
from orchestrator_site.access.roles import Role
from orchestrator_site.access.services import IssuedKey

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    """Make an API key and show it once."""

    help = "Make an API key and show it, this once. " + " ".join(f"{role.value}: {role.meaning}" for role in Role)

    def add_arguments(self, parser: CommandParser) -> None:
        """What can be said about the key."""
        parser.add_argument("name", help="what it is for")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role], help="what it may do")
        parser.add_argument("--user", help="the user for whom it acts; without it, a service account of its own")
        parser.add_argument("--expires", type=_span, help="after how long: 12h, 90d, 8w; without it, never")
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Make it and show it."""
        issued = services.create_key(
            name=options["name"],
            role=Role(options["role"]),
            user=_user(options["user"]),
            expires_in=options["expires"],
            by=system_actor(),
        )
        self.stdout.write(_as_json(issued) if options["json"] else _as_text(issued))


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no length of time: write 12h, 90d or 8w")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def _user(name: str | None) -> Any:
    if name is None:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise KeyInvalid(f"There is no user {name!r}: make one in the admin, or leave --user out.")
    return user


def _as_json(issued: IssuedKey) -> str:
    key = issued.key
    return json.dumps(
        {
            "id": str(key.pk),
            "name": key.name,
            "key": issued.text,
            "prefix": key.prefix,
            "role": key.role,
            "user": key.user.get_username(),
            "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        }
    )


def _as_text(issued: IssuedKey) -> str:
    key = issued.key
    until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
    return (
        f"{issued.text}\n"
        f"Keep it now: it is not shown again. {key.name!r} acts as {key.user.get_username()} with the role "
        f"{key.role}, {until}.\nSend it as `Authorization: Api-Key …`."
    )
