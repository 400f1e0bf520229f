"""Emptying the test database between tests: quickly, and keeping what migrations put there.

Django truncates every table and then makes permissions and groups anew, which takes most of a second. Here the rows
that a test wrote are deleted, with the checks between tables off, which only a superuser of the database may do; any
other user gets Django's own way. The messages that it sent, and no worker took, go too: recovery reads what stands in
the queues.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from celery import current_app
from django.apps import apps
from django.db import connection
from django.test import TransactionTestCase
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator_site.access.roles import Role
from orchestrator_site.conf import POOLS
from projects.models.project import Priority

KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}

_djangos_way = TransactionTestCase._fixture_teardown


def empty(case: TransactionTestCase) -> None:
    """What ``TransactionTestCase`` does after each test."""
    _empty_queues()
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if not cursor.fetchone()[0]:
            _djangos_way(case)
            return
        cursor.execute(_statement(), {"roles": [role.value for role in Role]})


def _empty_queues() -> None:
    queues = [f"{pool}.{priority.label}" for pool in POOLS for priority in Priority]
    # A broker that a test has taken away comes back with nothing in it.
    with suppress(RedisError, OperationalError, OSError), current_app.connection_for_write() as broker:
        if broker.transport.driver_type == "redis":
            broker.default_channel.client.delete(*queues)


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
