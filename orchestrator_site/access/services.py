"""Making, rotating and revoking API keys."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, Group
from django.db import transaction
from django.db.models.functions import Now

from orchestrator_site.access.actors import Actor, permissions_of
from orchestrator_site.access.errors import KeyInvalid, KeyNotFound, KeyRefused, RoleExceedsUser
from orchestrator_site.access.keys import new_key
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.roles import Role

__all__ = ["IssuedKey", "create_key", "find_key", "revoke_key", "rotate_key"]

logger = logging.getLogger(__name__)

GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its text, which is there this once and can never be asked for again."""

    key: APIKey
    text: str

    def __repr__(self) -> str:
        """Without the text."""
        return f"IssuedKey({self.key})"


def create_key(
    *,
    name: str,
    role: Role,
    by: Actor,
    user: AbstractBaseUser | None = None,
    expires_in: timedelta | None = None,
) -> IssuedKey:
    """Make a key that acts for ``user``; without one, for a service account that nobody can log in to.

    Raises ``KeyInvalid``, and ``RoleExceedsUser`` where the role may do what its user may not.
    """
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise KeyInvalid("The name of an API key is 1 to 100 printable characters: say what it is for.")
    if expires_in is not None and expires_in <= timedelta(0):
        raise KeyInvalid("An API key is to expire in the future.")
    if user is not None:
        _check_role(role, user)
    with transaction.atomic():
        return _issue(name, role, user, by, expires_in)


def rotate_key(*, key_id: UUID, by: Actor, grace: timedelta = GRACE) -> IssuedKey:
    """Make a new key in the place of one, which goes on working for ``grace``.

    The new one has the same name, role, user and length of life. Raises ``KeyNotFound``, ``KeyRefused`` for a
    key that opens nothing any more or was replaced before.
    """
    with transaction.atomic():
        old = APIKey.objects.select_for_update(of=("self",)).select_related("user").filter(pk=key_id).first()
        if old is None:
            raise KeyNotFound(f"There is no API key {key_id}.")
        if APIKey.objects.filter(replaces=old).exists():
            raise KeyRefused(f"{old} was replaced by another key already.")
        life = old.expires_at - old.created_at if old.expires_at else None
        if not APIKey.objects.end_in(old.pk, grace):
            raise KeyRefused(f"{old} is revoked or expired: make a new key.")
        issued = _issue(old.name, old.as_role, old.user, by, life)
        APIKey.objects.filter(pk=issued.key.pk).update(replaces=old)
        issued.key.replaces = old
        return issued


def revoke_key(*, key_id: UUID, by: Actor) -> APIKey:
    """End a key at once. Raises ``KeyNotFound``, ``KeyRefused`` for one that is revoked already."""
    key = find_key(key_id=key_id)
    if not APIKey.objects.revoke(key.pk):
        raise KeyRefused(f"{key} is revoked already.")
    logger.info("API key revoked", extra={"key_prefix": key.prefix, "by": by.name})
    key.refresh_from_db()
    return key


def find_key(*, key_id: UUID) -> APIKey:
    """The key of an id. Raises ``KeyNotFound``."""
    key = APIKey.objects.select_related("user").filter(pk=key_id).first()
    if key is None:
        raise KeyNotFound(f"There is no API key {key_id}.")
    return key


def _check_role(role: Role, user: AbstractBaseUser) -> None:
    if not user.is_active:
        raise KeyInvalid(f"The user {user.get_username()!r} is not active.")
    lacking = sorted(role.capabilities - permissions_of(user))
    if lacking:
        raise RoleExceedsUser(
            f"{user.get_username()} may not do all that the role {role} may (missing: {', '.join(lacking)}). "
            f"Put them in the group {role}, or choose a role that they have."
        )


def _issue(name: str, role: Role, user: Any | None, by: Actor, expires_in: timedelta | None) -> IssuedKey:
    made = new_key()
    key = APIKey.objects.create(
        name=name,
        prefix=made.prefix,
        digest=made.digest,
        role=role,
        user=user if user is not None else _service_account(made.prefix, name, role),
        created_by=by.name,
        expires_at=None if expires_in is None else Now() + expires_in,
    )
    key.refresh_from_db()
    logger.info("API key made", extra={"key_prefix": key.prefix, "role": role.value, "by": by.name})
    return IssuedKey(key, made.text)


def _service_account(prefix: str, name: str, role: Role) -> Any:
    """A user without a password, so that what a program decides and starts has somebody's name on it."""
    user: Any = get_user_model()(username=f"service-{prefix}")
    if hasattr(user, "first_name"):
        user.first_name = name[:150]
    user.set_unusable_password()
    user.save()
    user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return user
