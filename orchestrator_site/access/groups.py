"""The groups named like the roles, with Django's permissions that go with each; kept at every migration."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission

from orchestrator_site.access.roles import Role, goes_with


def keep_groups(sender: AppConfig, using: str, **_: Any) -> None:
    """Give each role's group what goes with the role of the application that was just migrated.

    Nothing is taken away, and members stay. Django makes the permissions of an application in a receiver of
    the same signal, which was connected before this one.
    """
    permissions = list(
        Permission.objects.using(using)
        .filter(content_type__app_label=sender.label)
        .values_list("pk", "content_type__app_label", "codename")
    )
    for role in Role:
        wanted = [pk for pk, app, codename in permissions if goes_with(role, f"{app}.{codename}")]
        if wanted or sender.label == "access":
            group, _made = Group.objects.using(using).get_or_create(name=role.value)
            group.permissions.add(*wanted)
