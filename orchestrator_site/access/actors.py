"""Who acts: what services take, so that they know no request, no key and no command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest

from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.roles import Capability, Role, capabilities_of, granting, role_named

__all__ = ["Actor", "actor_of", "actor_of_request", "permissions_of", "roles_of", "system_actor"]

# Where authentication leaves the key on the user for whom it acts; see ``narrow``.
_KEY = "_acting_api_key"
_ACTOR = "_phasegate_actor"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with the rights they have at this moment.

    ``name`` is what history keeps: ``user:alice``, with an API key ``user:alice key:ab12cd34``, ``system``.
    ``via`` is the way by which they came: session, api_key, command, admin, page and so on.
    """

    user_id: int | None
    username: str
    roles: frozenset[Role]
    capabilities: frozenset[Capability]
    via: str
    key_id: UUID | None = None
    key_prefix: str = ""

    @property
    def name(self) -> str:
        """How history calls them."""
        if self.user_id is None:
            return self.username
        return f"user:{self.username}" + (f" key:{self.key_prefix}" if self.key_prefix else "")

    def may(self, capability: str) -> bool:
        """Whether they have a right. Raises ``ValueError`` for a right that there is not."""
        return Capability(capability) in self.capabilities

    def require(self, capability: str) -> None:
        """Raise ``CapabilityMissing`` where they have not the right."""
        if not self.may(capability):
            raise CapabilityMissing(f"{self.name} has not the right {capability}.", capability=capability)


_SYSTEM: Final = Actor(None, "system", frozenset({Role.ADMIN}), frozenset(Capability), "system")


def system_actor() -> Actor:
    """The product itself, or whoever has a shell on its machine: nothing is refused."""
    return _SYSTEM


def actor_of(user: AbstractBaseUser | AnonymousUser, *, via: str) -> Actor:
    """A user with the rights they have now; a key by which they were authenticated narrows these."""
    if not user.is_authenticated:
        return Actor(None, "anonymous", frozenset(), frozenset(), via)
    key: APIKey | None = getattr(user, _KEY, None)
    roles, capabilities = roles_of(user), permissions_of(user)
    if key is not None:
        roles, capabilities, via = (
            frozenset({key.as_role}),
            capabilities & key.as_role.capabilities,
            "api_key",
        )
    return Actor(
        user_id=user.pk,
        username=user.get_username(),
        roles=roles,
        capabilities=capabilities,
        via=via,
        key_id=key.pk if key else None,
        key_prefix=key.prefix if key else "",
    )


def actor_of_request(request: HttpRequest | Any, *, via: str = "session") -> Actor:
    """Who sends a request of Django's or of DRF's; found out once a request."""
    user: Any = request.user
    found: tuple[Any, Actor] | None = getattr(user, _ACTOR, None)
    if found is not None and found[0] == via:
        return found[1]
    actor = actor_of(user, via=via)
    setattr(user, _ACTOR, (via, actor))
    return actor


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[Role]:
    """The roles of a user: the groups that are named like one; a superuser is an admin."""
    if not (user.is_authenticated and user.is_active):
        return frozenset()
    if getattr(user, "is_superuser", False):
        return frozenset({Role.ADMIN})
    names = cast(User, user).groups.values_list("name", flat=True)
    return frozenset(role for name in names if (role := role_named(name)) is not None)


def permissions_of(who: AbstractBaseUser | AnonymousUser | APIKey) -> frozenset[Capability]:
    """What a user or a key may do now.

    A user: by roles, and by what they were given of Django's permissions. A key: what its role and its user
    both may, so that a key never raises anybody's rights and losing a right takes it from one's keys at once.
    """
    if isinstance(who, APIKey):
        return who.as_role.capabilities & permissions_of(who.user)
    if not (who.is_authenticated and who.is_active):
        return frozenset()
    given = {capability for capability, permission in granting().items() if cast(User, who).has_perm(permission)}
    return capabilities_of(roles_of(who)) | given
