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
    wanted = [(role, pk) for role in Role for pk, app, codename in permissions if goes_with(role, f"{app}.{codename}")]
    # Each of Django's flushes in tests comes by here, once for every application: three statements at most.
    if not wanted and sender.label != "access":
        return
    groups = Group.objects.using(using)
    groups.bulk_create([Group(name=role.value) for role in Role], ignore_conflicts=True)
    ids = dict(groups.filter(name__in=[role.value for role in Role]).values_list("name", "pk"))
    through = Group.permissions.through
    through.objects.using(using).bulk_create(
        [through(group_id=ids[role.value], permission_id=pk) for role, pk in wanted], ignore_conflicts=True
    )
