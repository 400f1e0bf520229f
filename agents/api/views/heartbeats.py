"""That agents live: said by each, or by a gateway for many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api import examples
from agents.api.conditions import (
    HeardSerializer,
    HeartbeatGivenSerializer,
    HeartbeatsGivenSerializer,
    HeartbeatsHeardSerializer,
)
from agents.api.resource import Resource
from agents.errors import AgentGone
from agents.services import heartbeats, ownership
from agents.services.heartbeats import MOST_TOGETHER, Beat
from agents.states import AgentState
from orchestrator_site.api.errors import FieldsInvalid
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import answered, asked, operation
from orchestrator_site.conf import conf

_KNOWN = frozenset({"agent", "load", "details"})
_MOST_MISTAKES = 20


class Heartbeat(Resource):
    """`agents/{agent_id}/heartbeat`."""

    rights = {"POST": "agent.register"}
    problems = {"POST": (410,)}
    serializer_class = HeartbeatGivenSerializer

    @operation(
        "agents_heartbeat",
        "Say that an agent lives",
        "Before `interval` seconds are over, each time; the answer says whether the agent is to leave (`draining`). "
        "410 where it has to register again.",
        request=HeartbeatGivenSerializer,
        responses={200: HeardSerializer},
        examples=[asked({"load": 0.25, "details": {"queue": 3}}), answered(examples.HEARD)],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Hear it."""
        given = checked(HeartbeatGivenSerializer, request.data)
        own = ownership.find_own(agent_id, self.actor)
        if own.state == AgentState.GONE:
            raise AgentGone(f"Agent {own.name!r} is gone: register it again.")
        heartbeats.beat(own.pk, **given)
        settings = conf()
        told = {
            "id": own.pk,
            "state": own.state,
            "interval": settings.agent_heartbeat_seconds,
            "silence": settings.agent_silence_seconds,
        }
        return Response(HeardSerializer(told).data)


class Heartbeats(Resource):
    """`agents/heartbeats`."""

    rights = {"POST": "agent.register"}
    serializer_class = HeartbeatsGivenSerializer

    @operation(
        "agents_heartbeats",
        "Say that many agents live",
        f"As a gateway does for the agents behind it, {MOST_TOGETHER:,} at once at most. Each counts by itself: those "
        "that are not registered any more, or not by you, are named, and the others kept.",
        request=HeartbeatsGivenSerializer,
        responses={200: HeartbeatsHeardSerializer},
        examples=[asked(examples.HEARTBEATS), answered(examples.HEARTBEATS_HEARD)],
    )
    def post(self, request: Request) -> Response:
        """Hear them."""
        beats = beats_of(request.data)
        own = ownership.own_among((beat.agent for beat in beats if isinstance(beat.agent, UUID)), self.actor)
        heard = heartbeats.beat_many([beat for beat in beats if beat.agent in own])
        refused = [{"agent": str(beat.agent), "code": "agent_not_yours"} for beat in beats if beat.agent not in own]
        refused += [{"agent": agent, "code": "agent_gone"} for agent in heard.unknown]
        return Response({"kept": heard.kept, "refused": refused, "interval": conf().agent_heartbeat_seconds})


def beats_of(data: Any) -> list[Beat]:
    """The heartbeats of a body; read by hand: ten thousand in the time that a serializer takes for a few hundred.

    Raises ``FieldsInvalid``, naming the first mistakes.
    """
    given = data.get("heartbeats") if isinstance(data, Mapping) else None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_TOGETHER:
        raise _wrong([{"field": "heartbeats", "message": f"Give a list of 1 to {MOST_TOGETHER:,} heartbeats."}])
    stray = [name for name in data if name != "heartbeats"]
    if stray:
        message = "There is no such field. There are: heartbeats."
        raise _wrong([{"field": name[:100], "message": message} for name in stray[:_MOST_MISTAKES]])
    beats: list[Beat] = []
    mistakes: list[dict[str, str]] = []
    for index, each in enumerate(given):
        try:
            beats.append(_beat(each))
        except _Mistake as mistake:
            mistakes.append({"field": f"heartbeats[{index}]{mistake.field}", "message": str(mistake)})
            if len(mistakes) == _MOST_MISTAKES:
                break
    if mistakes:
        raise _wrong(mistakes)
    return beats


class _Mistake(ValueError):
    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def _beat(given: Any) -> Beat:
    if not isinstance(given, dict):
        raise _Mistake("", "Give an object with `agent`, and `load` and `details` if you will.")
    if not given.keys() <= _KNOWN:
        raise _Mistake("", f"There are `agent`, `load` and `details`, and no {sorted(set(given) - _KNOWN)[0][:100]!r}.")
    load, details = given.get("load", 0.0), given.get("details")
    if isinstance(load, bool) or not isinstance(load, int | float) or not (math.isfinite(load) and 0 <= load <= 1000):
        raise _Mistake(".load", "Give a number from 0 to 1000.")
    if details is not None and not isinstance(details, dict):
        raise _Mistake(".details", "Give a JSON object.")
    try:
        return Beat(UUID(given["agent"]), float(load), details)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _Mistake(".agent", "Give the id of an agent.") from None


def _wrong(errors: list[dict[str, str]]) -> FieldsInvalid:
    return FieldsInvalid("; ".join(f"{each['field']}: {each['message']}" for each in errors[:5]), errors=errors)
