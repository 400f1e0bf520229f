"""A user for whom a key acts: the same person, with no more rights than the key's role has."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from orchestrator_site.access import actors
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.roles import Role, goes_with


def narrow(key: APIKey) -> Any:
    """The key's user, as ``request.user`` is to be.

    Code that asks Django (``user.has_perm``) instead of the actor gets the same answer: this instance grants
    only what goes with the key's role. It holds for this instance alone, which lives as long as the request.
    """
    user: Any = key.user
    setattr(user, actors._KEY, key)
    user.has_perm = functools.partial(_has_perm, user.has_perm, key.as_role)
    return user


def _has_perm(whole: Callable[..., bool], role: Role, permission: str, obj: Any = None) -> bool:
    return goes_with(role, permission) and whole(permission, obj)
