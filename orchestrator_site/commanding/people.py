"""In whose name a command acts."""

from __future__ import annotations

from django.contrib.auth.models import User

from orchestrator_site.access.actors import Actor, actor_of, system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.errors import NotFound


class UserNotFound(NotFound):
    """There is no active user of that name."""

    code = "user_not_found"


def user_named(name: str) -> User:
    """The active user of a name. Raises ``UserNotFound``."""
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise UserNotFound(f"There is no active user {name!r}.")
    return user


def actor_named(name: str | None) -> Actor:
    """The user of a name, with their rights; without one the system: who has this shell has the machine."""
    return system_actor() if name is None else actor_of(user_named(name), via="command")


def decider(name: str | None) -> User:
    """Who decides: the one named, else the only superuser. Raises ``Usage`` where there is not just one."""
    if name is not None:
        return user_named(name)
    superusers = list(User.objects.filter(is_superuser=True, is_active=True)[:2])
    if len(superusers) != 1:
        how_many = "no superuser" if not superusers else "more than one superuser"
        raise Usage(f"There is {how_many}: say who decides with --user NAME.")
    return superusers[0]
