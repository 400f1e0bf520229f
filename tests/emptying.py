"""Emptying the test database between tests: quickly, and keeping what migrations put there.

Django truncates every table and then makes permissions and groups anew, which takes most of a second. Here the rows
that a test wrote are deleted, with the checks between tables off, which only a superuser of the database may do; any
other user gets Django's own way.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection
from django.test import TransactionTestCase

from orchestrator_site.access.roles import Role

KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}

_djangos_way = TransactionTestCase._fixture_teardown


def empty(case: TransactionTestCase) -> None:
    """What ``TransactionTestCase`` does after each test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if not cursor.fetchone()[0]:
            _djangos_way(case)
            return
        cursor.execute(_statement(), {"roles": [role.value for role in Role]})


def _statement() -> str:
    models: list[Any] = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    tables = {model._meta.db_table for model in models if not model._meta.proxy} - KEPT
    deletions = [f'DELETE FROM "{table}"' for table in sorted(tables)]
    groups = "SELECT id FROM auth_group WHERE name = ANY(%(roles)s)"
    return ";".join(
        [
            "SET session_replication_role = replica",
            *deletions,
            f"DELETE FROM auth_group_permissions WHERE group_id NOT IN ({groups})",
            f"DELETE FROM auth_group WHERE id NOT IN ({groups})",
            "SET session_replication_role = DEFAULT",
        ]
    )
