"""What an agent that took its work with 202 says of it, by the lease token that came with the work."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agents.usage import CallUsage
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import answered, asked, operation
from orchestrator_site.api.parsing import StrictJSONParser
from orchestrator_site.conf import conf
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.leases import (
    LeaseFailureSerializer,
    LeaseHeardSerializer,
    LeaseHeartbeatSerializer,
    LeaseResultSerializer,
)
from projects.api.throttles import ByLease
from projects.services import answers

SMALL = 64 * 1024


class ByLeaseToken(Resource):
    """Who has the token may speak for its attempt and for nothing else: nobody logs in, no right is asked for.

    Without a session there is nothing that a page of somebody else's could misuse, so that no CSRF token is needed.
    """

    tag = "answers"
    authentication_classes = []
    throttle_classes = [ByLease]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    never = frozenset({401, 404})
    problems = {"POST": (409,)}
    refusals = {
        403: ("lease_token_refused", "This is no lease token of ours."),
        409: ("attempt_over", "This attempt is over, or its step is another's by now: stop, nothing of it …"),
        422: ("fields_invalid", "result: This field is required."),
    }

    def get_permissions(self) -> list[Any]:
        """None: the token says it all, and the service reads it."""
        return []

    @property
    def largest_body(self) -> int:
        """In bytes."""
        return SMALL


class Heartbeat(ByLeaseToken):
    """`steps/{lease_token}/heartbeat`."""

    serializer_class = LeaseHeartbeatSerializer

    @operation(
        "answers_heartbeat",
        "Say that the work is going on",
        "Keeps the attempt until the moment that the answer names. 409 where nothing of it will count: stop.",
        request=LeaseHeartbeatSerializer,
        responses={200: LeaseHeardSerializer},
        examples=[asked({"details": {"pages": 12}, "within": 60}), answered(examples.LEASE_HEARD)],
    )
    def post(self, request: Request, lease_token: str) -> Response:
        """Hear it."""
        given = checked(LeaseHeartbeatSerializer, request.data)
        return Response(LeaseHeardSerializer(answers.heartbeat(lease_token, **given)).data)


class Complete(ByLeaseToken):
    """`steps/{lease_token}/complete`."""

    serializer_class = LeaseResultSerializer

    @operation(
        "answers_complete",
        "Bring the result",
        "Commits it, and the project goes on. A second answer for the same attempt is a 409.",
        request=LeaseResultSerializer,
        responses={204: None},
        examples=[asked({"result": {"words": 3}, "usage": {"tokens_in": 120, "tokens_out": 30, "cost": 0.01}})],
    )
    def post(self, request: Request, lease_token: str) -> Response:
        """Commit it."""
        given = checked(LeaseResultSerializer, request.data)
        answers.complete(lease_token, given["result"], given.get("usage", CallUsage()))
        return Response(status=204)

    @property
    def largest_body(self) -> int:
        """As that of an answer that comes at once."""
        return conf().agent_answer_max_bytes


class Fail(ByLeaseToken):
    """`steps/{lease_token}/fail`."""

    serializer_class = LeaseFailureSerializer

    @operation(
        "answers_fail",
        "Say that it could not be done",
        "The step is tried again as its `retry` says, or fails for good where that cannot help.",
        request=LeaseFailureSerializer,
        responses={204: None},
        examples=[asked({"error": "The archive does not answer.", "retryable": True})],
    )
    def post(self, request: Request, lease_token: str) -> Response:
        """Write it down."""
        given = checked(LeaseFailureSerializer, request.data)
        answers.fail(lease_token, given["error"], retryable=given["retryable"])
        return Response(status=204)
