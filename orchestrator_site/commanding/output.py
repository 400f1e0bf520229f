"""What every command has in common: exit statuses, one JSON document, and errors told without a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError
from redis.exceptions import ConnectionError as RedisConnectionError

from orchestrator_site.errors import InvalidInput, PhasegateError, Unavailable
from orchestrator_site.showing.visible import visible

DONE, FAILED, USAGE, NOT_FOUND, REFUSED = 0, 1, 2, 3, 4
"""Exit statuses, as scripts of others know them."""

_SILENT = "A server that is needed does not answer"
_BEHIND = "The database is behind this program"
_MIGRATE = "bring it up to date with `manage.py migrate`."
INTERRUPTED = 130  # as shells say for Ctrl-C
_NOBODY_READS = 141  # as shells say for a reader that went away


class Usage(InvalidInput):
    """The command was called in a way that it does not know."""

    code = "usage"


class ServerUnavailable(Unavailable):
    """The database or Redis does not answer."""

    code = "server_unavailable"


class PhasegateCommand(BaseCommand):
    """A command with documented exit statuses that, with ``--json``, writes one document and nothing else.

    ``handle`` raises ``PhasegateError`` for everything that a person can get wrong, and calls ``end`` for a
    status other than 0. Called from Python, these exceptions reach the caller.
    """

    requires_system_checks = ()
    has_json = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """No abbreviations: a script must not change its meaning when an option is added."""
        parser = super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)
        # Its errors are raised, to be told by ``run_from_argv`` like every other.
        parser.called_from_command_line = False
        if self.has_json:
            parser.add_argument("--json", action="store_true", help="write one JSON document to standard output")
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run, and tell what went wrong in words and by exit status."""
        as_json = self.has_json and "--json" in argv[2:]
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError):  # a stream that a test put there has no encoding to set
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        try:
            super().run_from_argv(argv)
        except PhasegateError as error:
            self._tell(error, as_json)
        except CommandError as error:
            self.stderr.write(self._usage(argv), lambda text: text)
            self._tell(Usage(str(error).removeprefix("Error: ")), as_json)
        except ProgrammingError as error:
            if "does not exist" not in str(error):
                raise
            self._tell(ServerUnavailable(f"{_BEHIND} ({_first_line(error)}): {_MIGRATE}"), as_json)
        except (OperationalError, RedisConnectionError) as error:
            self._tell(ServerUnavailable(f"{_SILENT}: {_first_line(error)}"), as_json)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:
            _leave_quietly()

    def write_json(self, value: Any) -> None:
        """Write the document: in ASCII, so that nothing in it can steer a terminal."""
        self.stdout.write(json.dumps(value, indent=2, default=str))

    def note(self, line: str) -> None:
        """Tell a person something on standard error, so that standard output stays what was asked for."""
        self.stderr.write(visible(line), lambda text: text)

    def end(self, status: int) -> NoReturn:
        """End with an exit status other than 0."""
        raise SystemExit(status)

    def _tell(self, error: PhasegateError, as_json: bool) -> NoReturn:
        if as_json:
            self.write_json({"error": error_document(error)})
        else:
            self.stderr.write(visible(f"Error: {error.message}"))
        raise SystemExit(error.exit_status) from None

    def _usage(self, argv: list[str]) -> str:
        parser: ArgumentParser = self.create_parser(argv[0], argv[1])
        return parser.format_usage()


def error_document(error: PhasegateError) -> dict[str, Any]:
    """An error for programs."""
    return {"code": error.code, "message": error.message, "details": error.details}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _leave_quietly() -> NoReturn:
    """Whoever read standard output has seen enough; what Python would still flush into it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(_NOBODY_READS) from None
