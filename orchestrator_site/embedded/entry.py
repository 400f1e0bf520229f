"""What ``manage.py`` does around a command: servers that run, and a schema that is current."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from orchestrator_site.embedded.servers import Servers, running
from orchestrator_site.errors import PhasegateError

# These need no server: they read or write files, or see to the servers themselves.
_WITHOUT_SERVERS = {
    "", "help", "version", "check", "up", "down", "diffsettings", "startapp", "startproject", "makemessages",
    "compilemessages", "collectstatic", "findstatic", "spectacular", "sendtestemail", "swarm",
}  # fmt: skip
# These are about the schema, so it is left as they find it. The test runners make databases of their own.
_SCHEMA_AS_IS = {
    "migrate",
    "makemigrations",
    "showmigrations",
    "sqlmigrate",
    "squashmigrations",
    "optimizemigration",
}
_OWN_DATABASE = {"test", "testserver"}


def execute(argv: list[str]) -> None:
    """Run the command of ``argv``; a refusal of ours becomes its message and exit status."""
    try:
        with _servers_for(argv):
            from django.core.management import execute_from_command_line

            execute_from_command_line(argv)
    except PhasegateError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_status) from None


@contextlib.contextmanager
def embedded_servers() -> Iterator[Servers]:
    """The servers that the settings name no address for, running for the length of the block."""
    from orchestrator_site.conf import conf

    settings = conf()
    wanted = {"postgres": not settings.database_url, "redis": not settings.broker_url}
    with running(settings.var_dir, **wanted) as servers:
        yield servers


@contextlib.contextmanager
def _servers_for(argv: list[str]) -> Iterator[None]:
    command = argv[1] if len(argv) > 1 else ""
    if command in _WITHOUT_SERVERS or command.startswith("-") or {"-h", "--help"} & set(argv[2:]):
        yield
        return
    with embedded_servers():
        if command not in _SCHEMA_AS_IS | _OWN_DATABASE:
            _bring_embedded_schema_up_to_date()
        yield


def _bring_embedded_schema_up_to_date() -> None:
    """A fresh checkout just works; on a server of the operator's own, migrating is a decision (``up``)."""
    from orchestrator_site.conf import conf

    if conf().database_url:
        return
    import django

    django.setup()
    from orchestrator_site.embedded.schema import migrate_under_lock

    migrate_under_lock()
