"""``bus``: publish, watch and consume events, and see to dead letters."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestrator_site.bus.bridge import republish
from orchestrator_site.bus.configured import bus, load_subscribers
from orchestrator_site.bus.encoding import encode_each
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.graves import DeadLetter
from orchestrator_site.history.finding import find_stream
from orchestrator_site.history.sealing import seal_all


class Command(BaseCommand):
    """Publish, tail, consume, republish, and dead letters."""

    help = "The message bus: publish, tail, consume, republish from history, and list, redrive or drop dead letters."

    def add_arguments(self, parser: CommandParser) -> None:
        """A sub-command and what belongs to it."""
        what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        publish = what.add_parser("publish", help="publish one event; with --lines, one a line of standard input")
        publish.add_argument("type", help="what happened: project.completed; the topic too, unless one is given")
        publish.add_argument("--topic", default="", help="the topic, where it is not the type")
        publish.add_argument("--subject", default="", help="what of the source it is about")
        publish.add_argument("--source", default="/command", help="where it happened, as a URI reference")
        publish.add_argument("--data", default=None, metavar="JSON", help="the event's data")
        publish.add_argument("--lines", action="store_true", help="the data of many events, as JSON a line")
        tail = what.add_parser("tail", help="print what is published, an event a line, until Ctrl-C")
        tail.add_argument("topic", help="a pattern: * is one word, # any number: project.*.completed")
        tail.add_argument("--seconds", type=float, help="end after so long")
        consume = what.add_parser("consume", help="handle events for groups of the modules in PHASEGATE_BUS_MODULES")
        consume.add_argument("groups", nargs="*", metavar="GROUP", help="default: all that are subscribed")
        consume.add_argument("--seconds", type=float, help="end after so long")
        consume.add_argument("--batch", type=int, help="events handled together; default: the setting")
        consume.add_argument("--until-empty", action="store_true", help="end when nothing is left")
        again = what.add_parser("republish", help="publish a history again, from a place in its chain on")
        again.add_argument("stream", metavar="ID", help="the project's id, or its last digits")
        again.add_argument("--after", type=int, default=0, metavar="N", help="the last place that is not wanted")
        again.add_argument("--until", type=int, metavar="N", help="the last place that is wanted")
        dead = what.add_parser("dead", help="dead letters of a group")
        dead.add_argument("deed", choices=["list", "redrive", "drop"], help="what to do with them")
        dead.add_argument("group", metavar="GROUP", help="of which group")
        dead.add_argument("--id", dest="ids", action="append", metavar="ID", help="only this one; may be repeated")
        dead.add_argument("--all", action="store_true", help="for drop: really all of them")
        dead.add_argument("--limit", type=int, default=100, help="for list: at most so many; default: 100")
        for each in (publish, consume, again, dead):
            each.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what is asked, and say it."""
        getattr(self, f"_{options['what']}")(options)

    def _publish(self, options: Mapping[str, Any]) -> None:
        texts = sys.stdin if options["lines"] else [options["data"] or "null"]
        named = {name: options[name] for name in ("topic", "subject", "source")}
        events = [Event(options["type"], _parsed(text), **named) for text in texts if text.strip()]
        bus().publish_many(events)
        self._say(options, {"published": [str(event.id) for event in events]}, f"Published {len(events)}.")

    def _tail(self, options: Mapping[str, Any]) -> None:
        try:
            for event in bus().tail(options["topic"], seconds=options["seconds"]):
                self.stdout.write(encode_each([event])[0].decode())
                self.stdout.flush()
        except KeyboardInterrupt:
            return

    def _consume(self, options: Mapping[str, Any]) -> None:
        load_subscribers()
        known = bus().subscriptions.known(options["groups"])
        if not known:
            raise CommandError(
                "Nothing is subscribed: name the modules that do in PHASEGATE_BUS_MODULES.", returncode=2
            )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: bus().stop())
        tally = bus().consume(
            known, seconds=options["seconds"], batch=options["batch"], until_empty=options["until_empty"]
        )
        document = {
            "handled": tally.handled,
            "duplicates": tally.duplicates,
            "failures": tally.failures,
            "buried": tally.buried,
        }
        self._say(options, document, ", ".join(f"{count} {name}" for name, count in document.items()) + ".")

    def _republish(self, options: Mapping[str, Any]) -> None:
        seal_all()
        stream = find_stream(options["stream"])
        count = republish(bus(), stream, after=options["after"], until=options["until"])
        self._say(options, {"stream": str(stream), "published": count}, f"Published {count} events of {stream}.")

    def _dead(self, options: Mapping[str, Any]) -> None:
        group, ids = options["group"], options["ids"]
        if options["deed"] == "list":
            self._list(options, bus().dead_letters(group, most=options["limit"]))
        elif options["deed"] == "redrive":
            count = bus().redrive(group, ids)
            self._say(options, {"group": group, "redriven": count}, f"{count} dead letters are delivered again.")
        else:
            if not ids and not options["all"]:
                raise CommandError("Say which, --id ID, or --all: what is dropped is gone.", returncode=2)
            count = bus().drop_dead_letters(group, ids)
            self._say(options, {"group": group, "dropped": count}, f"{count} dead letters are dropped.")

    def _list(self, options: Mapping[str, Any], letters: list[DeadLetter]) -> None:
        lines = [
            f"{each.id}  {each.at[:19]}  {each.topic or '-'}  {each.reason}  "
            f"{each.deliveries} deliveries  {each.error}".rstrip()
            for each in letters
        ]
        document = {"group": options["group"], "letters": [_plain(each) for each in letters]}
        self._say(options, document, "\n".join(lines) or "There are none.")

    def _say(self, options: Mapping[str, Any], document: Mapping[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(document) if options["json"] else text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"The data is not JSON: {error}.", returncode=2) from None


def _plain(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "reason": letter.reason,
        "error": letter.error,
        "deliveries": letter.deliveries,
        "topic": letter.topic,
        "at": letter.at,
        "headers": {name: str(value) for name, value in letter.headers.items() if not name.startswith("x-bus-")},
        "body": letter.body.decode("utf-8", "backslashreplace"),
    }
