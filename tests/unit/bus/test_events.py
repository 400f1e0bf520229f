"""Events are written and read as CloudEvents."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_site.bus import errors
from orchestrator_site.bus.asking import Address
from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.encoding import MANY, ONE, Unreadable, decode, encode_each, packs
from orchestrator_site.bus.errors import BusMisconfigured, EventInvalid, MessageUnreadable, TopicInvalid
from orchestrator_site.bus.events import Event
from orchestrator_site.errors import PhasegateError

ID = uuid.UUID("0198a1b2-0000-7000-8000-000000000001")
MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def written(**changed: Any) -> dict[str, Any]:
    document = {"specversion": "1.0", "id": str(ID), "type": "a.b", "source": "/x", "time": "2026-11-21T09:30:00Z"}
    return {name: value for name, value in (document | changed).items() if value is not ...}


def test_an_event_is_written_in_the_attributes_of_cloudevents() -> None:
    event = Event("step.completed", {"n": 1}, "/projects/7", "brief", id=ID, time=MOMENT, traceparent="00-1-2-01")

    assert json.loads(encode_each([event])[0]) == {
        "specversion": "1.0",
        "id": str(ID),
        "type": "step.completed",
        "source": "/projects/7",
        "subject": "brief",
        "time": "2026-11-21T09:30:00Z",
        "topic": "step.completed",
        "traceparent": "00-1-2-01",
        "data": {"n": 1},
    }


def test_the_topic_is_the_type_unless_one_is_given() -> None:
    assert Event("a.b").topic == "a.b"
    assert Event("a.b", topic="c").topic == "c"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"type": ""}, EventInvalid),
        ({"type": "a", "source": ""}, EventInvalid),
        ({"type": "a", "id": uuid.uuid4()}, EventInvalid),
        ({"type": "a", "time": datetime(2026, 1, 1)}, EventInvalid),  # noqa: DTZ001
        ({"type": "a", "topic": "a..b"}, TopicInvalid),
    ],
)
def test_what_is_no_event_is_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Event(**wrong)


@pytest.mark.parametrize("data", [float("nan"), {"x": [float("-inf")]}, object(), "\ud800"])
def test_data_that_json_cannot_hold_is_refused(data: Any) -> None:
    with pytest.raises(EventInvalid):
        encode_each([Event("a", data)])


def test_a_text_may_speak_of_nan() -> None:
    [body] = encode_each([Event("a", "NaN and Infinity")])
    [event] = decode(body, ONE)
    assert isinstance(event, Event)
    assert event.data == "NaN and Infinity"


@pytest.mark.parametrize(
    "document",
    [
        [],
        written(specversion="0.3"),
        written(id="7"),
        written(id=...),
        written(id=str(uuid.uuid4())),
        written(time="yesterday"),
        written(type=...),
        written(type=7),
        written(subject=7),
        written(topic="a b"),
    ],
)
def test_one_that_cannot_be_read_leaves_the_others_of_its_message(document: Any) -> None:
    body = json.dumps([written(), document]).encode()

    good, bad = decode(body, MANY)

    assert isinstance(good, Event)
    assert isinstance(bad, Unreadable)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"{", ONE), (b"", ONE), (b"\xff", ONE), (b"{}", MANY), (b"[]", "text/plain"), (b'{"a": NaN}', ONE)],
)
def test_a_message_that_is_none_is_unreadable(body: bytes, media_type: str) -> None:
    with pytest.raises(MessageUnreadable):
        decode(body, media_type)


def test_attributes_that_are_not_known_are_passed_over() -> None:
    [event] = decode(json.dumps(written(dataschema="/s", extension="x")).encode(), ONE)
    assert isinstance(event, Event)


def test_packs_keep_to_their_limits_and_the_order() -> None:
    bodies = [b'"%d"' % n for n in range(7)] + [b'"' + b"x" * 50 + b'"']

    made = list(packs(bodies, most=3, most_bytes=20))

    assert [(media_type, count) for media_type, _, count in made] == [(MANY, 3), (MANY, 3), (ONE, 1), (ONE, 1)]
    assert made[0][1] == b'["0","1","2"]'


@pytest.mark.parametrize(
    ("text", "topic", "group"),
    [
        ("agent:pricing", "message.agent.pricing", "agent:pricing"),
        ("capability:research.rivals", "message.capability.research.rivals", "capability:research.rivals"),
        ("role:scout", "message.role.scout", "role:scout"),
        ("agent:Ann Lee", "message.agent.Ann-Lee", "agent:Ann-Lee"),
    ],
)
def test_an_address_is_a_topic_and_a_group(text: str, topic: str, group: str) -> None:
    address = Address.parse(text)
    assert (address.topic, address.group) == (topic, group)


@pytest.mark.parametrize("text", ["", "agent", "agent:", "someone:x", "agent:.x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(TopicInvalid):
        Address.parse(text)


def test_a_bus_over_rabbitmq_needs_a_ledger() -> None:
    with pytest.raises(BusMisconfigured):
        Bus("amqp://guest@localhost//")


@pytest.mark.parametrize(
    "error",
    [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PhasegateError)],
)
def test_every_error_can_be_printed_and_pickled(error: type[PhasegateError]) -> None:
    import pickle

    again = pickle.loads(pickle.dumps(error()))  # noqa: S301
    assert str(again) == str(error())
    assert str(again)
