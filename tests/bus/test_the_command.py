"""``manage.py bus``: publish, tail, consume, dead letters, and histories published again."""

from __future__ import annotations

import io
import json
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from orchestrator_site.bus import configured
from orchestrator_site.bus.bridge import event_of, id_of, topic_of
from orchestrator_site.bus.bus import Bus, Options
from orchestrator_site.bus.errors import EventRefused
from orchestrator_site.bus.events import Event
from orchestrator_site.clock import new_id, now
from orchestrator_site.history import services as history
from orchestrator_site.history.models import Event as Past
from tests.bus.conftest import QUICK, Broker, RedisBroker
from tests.sealing import seal_everything

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def broker(redis_broker: RedisBroker) -> Broker:
    return Broker(redis_broker, redis_broker)


@pytest.fixture
def site_bus(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Bus:
    """The bus that the command finds."""
    import importlib

    command = importlib.import_module("orchestrator_site.bus.management.commands.bus")
    monkeypatch.setattr(command, "bus", lambda: bus)
    return bus


def run(*words: str) -> Any:
    out = io.StringIO()
    call_command("bus", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_an_event_is_published(site_bus: Bus) -> None:
    got: list[Event] = []
    site_bus.subscribe("project.*.completed", group="reports")(got.append)

    said = run("publish", "project.completed", "--topic", "project.p1.completed", "--data", '{"n": 1}')
    site_bus.consume(until_empty=True)

    [event] = got
    assert said == {"published": [str(event.id)]}
    assert (event.type, event.topic, event.data) == ("project.completed", "project.p1.completed", {"n": 1})


def test_many_are_published_a_line_each(site_bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    site_bus.subscribe("#", group="reports")(lambda event: got.append(event.data))
    monkeypatch.setattr("sys.stdin", io.StringIO('1\n{"a": 2}\n\n"three"\n'))

    run("publish", "thing.made", "--lines")
    site_bus.consume(until_empty=True)

    assert got == [1, {"a": 2}, "three"]


def test_data_that_is_not_json_is_refused(site_bus: Bus) -> None:
    with pytest.raises(CommandError) as refused:
        run("publish", "thing.made", "--data", "{")
    assert refused.value.returncode == 2


def test_dead_letters_are_listed_redriven_and_dropped(site_bus: Bus) -> None:
    @site_bus.subscribe("thing.#", group="reports")
    def handle(_: Event) -> None:
        raise EventRefused("of no use")

    sent = [Event("thing.made", n) for n in range(3)]
    site_bus.publish_many(sent)
    site_bus.consume(until_empty=True)

    letters = run("dead", "list", "reports")["letters"]
    assert [each["id"] for each in letters] == [str(each.id) for each in sent]
    assert {each["error"] for each in letters} == {"EventRefused: of no use"}
    assert run("dead", "redrive", "reports", "--id", str(sent[0].id))["redriven"] == 1
    with pytest.raises(CommandError):
        run("dead", "drop", "reports")
    assert run("dead", "drop", "reports", "--all")["dropped"] == 2
    out = io.StringIO()
    call_command("bus", "dead", "list", "reports", stdout=out)
    assert out.getvalue() == "There are none.\n"


def test_who_has_subscribed_to_nothing_consumes_nothing(site_bus: Bus) -> None:
    with pytest.raises(CommandError):
        run("consume", "--until-empty")


@pytest.mark.django_db(transaction=True)
def test_a_history_is_published_again_from_a_place_on(site_bus: Bus) -> None:
    stream = new_id()
    for n in range(5):
        history.append(stream, "step.completed", actor="system", subject=f"s{n}", data={"n": n})
    seal_everything()
    got: list[Event] = []
    site_bus.subscribe("step.*.completed", group="reports")(got.append)

    assert run("republish", str(stream), "--after", "2")["published"] == 3
    site_bus.consume(until_empty=True)
    assert [event.data["data"]["n"] for event in got] == [2, 3, 4]
    assert {event.topic for event in got} == {f"step.{stream}.completed"}

    assert run("republish", str(stream), "--until", "4")["published"] == 4
    site_bus.consume(until_empty=True)
    assert [event.data["data"]["n"] for event in got] == [2, 3, 4, 0, 1]  # the others are known


@pytest.mark.django_db(transaction=True)
def test_an_event_of_history_is_the_same_whenever_it_is_published() -> None:
    stream = new_id()
    history.append(stream, "project.started", actor="user:ann")
    [past] = Past.objects.filter(stream=stream)

    event = event_of(past)

    assert event == event_of(past)
    assert event.id.version == 7
    assert event.id.int >> 80 == int(past.at.timestamp() * 1000)
    assert event.source == f"/histories/{stream}"


def test_ids_of_history_are_apart() -> None:
    moment, streams = now(), [new_id(), new_id()]
    assert len({id_of(moment, stream, n) for stream in streams for n in range(500)}) == 1000


def test_a_kind_becomes_a_topic_of_its_stream() -> None:
    stream = new_id()
    assert topic_of("project.completed", stream) == f"project.{stream}.completed"
    assert topic_of("tick", stream) == f"tick.{stream}"


# --- as processes --------------------------------------------------------------------------------------------------

SUBSCRIBER = """
from orchestrator_site.bus.configured import bus

@bus().subscribe("thing.#", group="{group}")
def handle(event):
    with open("{file}", "a") as file:
        file.write(f"{{event.data}}\\n")
"""


@pytest.fixture
def environment(process_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    group = f"g{new_id().hex[-8:]}"
    (tmp_path / "my_subscribers.py").write_text(SUBSCRIBER.format(group=group, file=tmp_path / "handled"))
    return process_environment | {
        "PHASEGATE_BUS_MODULES": "my_subscribers",
        "PHASEGATE_BUS_PREFIX": group,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "GROUP": group,
    }


def manage(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "bus", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_a_consumer_handles_what_is_published_and_ends_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    consumer = manage(environment, "consume", "--json")
    tail = manage(environment, "tail", "thing.*", "--seconds", "60")
    handled = tmp_path / "handled"
    assert manage(environment, "publish", "thing.made", "--data", "7").wait(60) == 0
    bus = Bus(environment["BROKER_URL"], options=Options(prefix=environment["GROUP"]))
    until = time.monotonic() + 60
    while not handled.exists() or not select.select([tail.stdout], [], [], 0.2)[0]:
        assert time.monotonic() < until
        bus.publish(Event("thing.made", 7))  # the first ones may be sent before anybody is there
    bus.close()
    consumer.send_signal(signal.SIGTERM)
    out, err = consumer.communicate(timeout=20)
    tail.send_signal(signal.SIGINT)
    seen, _ = tail.communicate(timeout=20)

    assert consumer.returncode == 0, err
    assert json.loads(out)["handled"] >= 1
    assert set(handled.read_text().split()) == {"7"}
    assert {json.loads(line)["data"] for line in seen.splitlines()} == {7}


def test_the_bus_of_the_settings_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    configured.bus.cache_clear()
    assert configured.bus() is configured.bus()
    assert configured.bus().names.prefix == "phasegate.bus"
    assert QUICK.prefix == "phasegate.bus"
    configured.bus.cache_clear()
