"""``fake_llm``: a language model that is none, to try agents out with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.transports.fake_llm import MODELS, FakeLlm


class Command(BaseCommand):
    """Serve until interrupted."""

    help = "Serve a made-up language model at a local address. The name of the model says how it behaves."

    def add_arguments(self, parser: CommandParser) -> None:
        """The port."""
        parser.add_argument("--port", type=int, default=8808, help="Port at 127.0.0.1; 0 for any. Defaults to 8808.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Say where, and serve."""
        try:
            llm = FakeLlm(options["port"])
        except (OSError, OverflowError) as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error}", returncode=2) from error
        self.stdout.write(f"base_url: {llm.base_url}\nmodels: {', '.join(MODELS)}")
        self.stdout.write("Agents reach it where PHASEGATE_EGRESS_ALLOW names 127.0.0.1. Ctrl-C ends it.")
        self.stdout.flush()
        try:
            llm.serve()
        except KeyboardInterrupt:
            llm.closing.set()
