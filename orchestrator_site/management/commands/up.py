"""``up``: every process of the site under one supervisor."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orchestrator_site.conf import BASE_DIR, conf
from orchestrator_site.embedded import first_login, ports, presence, processes, schema
from orchestrator_site.embedded.entry import embedded_servers
from orchestrator_site.embedded.servers import Servers
from orchestrator_site.embedded.supervisor import Supervisor


class Command(BaseCommand):
    """Run the site: web, workers, beat and Flower, until Ctrl-C."""

    help = "Run the whole site (servers, web, workers, beat, Flower) until Ctrl-C, restarting what dies."
    requires_system_checks = []  # made once the database is there, by the processes themselves

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address of the web server (default: this machine only)"
        )
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (default: 8000)")
        parser.add_argument("--flower-port", type=int, default=5555, help="port of Flower (default: 5555)")
        parser.add_argument("--no-flower", action="store_true", help="do without Flower")

    def handle(self, *_: Any, host: str, port: int, flower_port: int, no_flower: bool, **__: Any) -> None:
        """Start, say where, and stay."""
        var = conf().var_dir
        flower = None if no_flower else flower_port
        with presence.alone(var), contextlib.ExitStack() as stack:
            ports.require_free(host, port, "--port")
            if flower is not None:
                ports.require_free("127.0.0.1", flower, "--flower-port (or --no-flower)")
            servers = stack.enter_context(embedded_servers())
            password = self._prepare()
            self._supervise(servers, host=host, port=port, flower=flower, password=password)
        self.stdout.write("Stopped.")

    def _prepare(self) -> str | None:
        """The schema, and somebody to log in; the password if that was made just now."""
        applied = schema.migrate_under_lock()
        if applied:
            self.stdout.write(f"Applied {len(applied)} migrations.")
        return first_login.make_administrator()

    def _supervise(self, servers: Servers, *, host: str, port: int, flower: int | None, password: str | None) -> None:
        if self.stdout.isatty() and conf().log_format == "auto":
            # The processes write to us, not to the terminal, and would take us for a machine.
            os.environ["PHASEGATE_LOG_FORMAT"] = "text"
        # What agents and people are told to come back to, unless the settings name a better address.
        os.environ.setdefault("PHASEGATE_BASE_URL", _address(host, port))
        roles = processes.site(conf().var_dir, host=host, port=port, flower_port=flower)
        one_line_at_a_time = threading.Lock()

        def write(line: str) -> None:
            with one_line_at_a_time:
                self.stdout.write(line)

        def welcome() -> None:
            write(_welcome(host, port, flower, password))

        write(f"Starting {', '.join(role.name for role in roles)} ...")
        Supervisor(roles, write=write, folder=BASE_DIR, look_after=servers.ensure, on_ready=welcome).supervise()


def _welcome(host: str, port: int, flower: int | None, password: str | None) -> str:
    var = conf().var_dir
    site = _address(host, port)
    lines = ["", f"Phasegate is up.    Site   {site}/", f"                    API    {site}/api/docs/"]
    if flower is not None:
        lines.append(f"                    Flower http://127.0.0.1:{flower}/ as {processes.FLOWER_USER},")
        lines.append(f"                           password in {var / 'flower.password'}")
    if password is not None:
        lines.append(f"First log-in: {first_login.ADMINISTRATOR} with password {password} (shown this once)")
    else:
        lines.append(f"Log in as before; `manage.py changepassword {first_login.ADMINISTRATOR}` sets a new password.")
    return "\n".join([*lines, "Ctrl-C or `make down` stops it.", ""])


def _address(host: str, port: int) -> str:
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 everywhere is here, too
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
