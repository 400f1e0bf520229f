"""``signal_project``: send a signal to a project."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named
from projects.management.finding import project_of
from projects.services import signals
from projects.services.signals import Sent


class Command(PhasegateCommand):
    """Send a signal."""

    help = "Send a signal to a project: a step that waits for its name takes it, and it is kept until one does."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("name", help="the name that a step waits for, or will wait for")
        parser.add_argument("--payload", metavar="JSON", help="what it says: the result of the step that takes it")
        parser.add_argument("--key", default="", help="a signal of the same key is the same signal")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, send, tell."""
        actor = actor_named(options["user"])
        actor.require(Capability.PROJECT_CONTROL)
        project = project_of(options["id"], actor)
        awaited = signals.is_awaited(project.pk, options["name"])  # before: sending it may end the wait
        sent = signals.send(
            project_id=project.pk,
            name=options["name"],
            payload=_payload(options["payload"]),
            key=options["key"],
            actor=actor,
        )
        if options["json"]:
            self.write_json(_document(sent) | {"is_awaited": awaited})
        elif sent.is_new:
            self.stdout.write(f"Sent {sent.signal.name!r} to project {project.pk}.")
            if not awaited:
                self.note(f"No step of its plan waits for {sent.signal.name!r}. It is kept, should one be added.")
        else:
            self.stdout.write(f"A signal of the key {sent.signal.key!r} was sent already, by {sent.signal.sender}.")


def _payload(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        example = "--payload '\"three parcels\"'"
        raise Usage(f"--payload is no JSON ({error}). A text is written in quotes: {example}.") from None


def _document(sent: Sent) -> dict[str, Any]:
    signal = sent.signal
    return {
        "signal": {
            "id": signal.pk,
            "project": str(signal.project_id),
            "name": signal.name,
            "payload": signal.payload,
            "key": signal.key,
            "sender": signal.sender,
            "sent_at": signal.sent_at.isoformat(),
        },
        "is_new": sent.is_new,
    }
