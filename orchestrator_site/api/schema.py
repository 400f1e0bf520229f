"""What drf-spectacular needs to know to write our OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction

from orchestrator_site.api.fields import NamedChoiceField
from orchestrator_site.api.problem_shape import ProblemSerializer

PROBLEM = "application/problem+json"

_MEANING: Mapping[int, tuple[str, str, str]] = {
    # status: (what it means here, a code that it comes with, a detail)
    400: (
        "The body is not what its Content-Type says.",
        "body_malformed",
        "Line 1, column 9: Expecting value.",
    ),
    401: (
        "No session, and no valid API key.",
        "not_authenticated",
        "Log in, or send `Authorization: Api-Key …`.",
    ),
    403: ("You have no right to do this.", "forbidden", "You have no right to do this."),
    404: ("There is none, or it is not yours to see.", "not_found", "There is no such thing."),
    406: (
        "None of the media types that were asked for is made here.",
        "not_acceptable",
        "Accept application/json.",
    ),
    409: (
        "It cannot be done in the present state.",
        "refused",
        "This cannot be done in the present state.",
    ),
    410: ("It was there, and is gone.", "gone", "It is gone."),
    412: (
        "It has changed since you read it (If-Match).",
        "precondition_failed",
        "It has changed since you read it: read it again.",
    ),
    413: (
        "The body or a document is too large.",
        "body_too_large",
        "The body has more than 20,971,520 bytes.",
    ),
    415: ("The body's media type is not read here.", "unsupported_media_type", "Send application/json."),
    422: ("A value is wrong; `errors` names each.", "fields_invalid", "name: This field is required."),
    502: ("What agents answered cannot be used.", "answers_unusable", "No answer has a number at 'score'."),
    503: ("Nobody can take it now: try again later.", "no_agent_now", "No agent offers 'text.review'."),
    504: (
        "Too few agents answered in time.",
        "quorum_missed",
        "1 of 3 agents answered, 2 were needed. reviewer-2: it had not answered by the end; …",
    ),
    429: ("Too many requests: wait as Retry-After says.", "throttled", "Expected available in 1 second."),
}


class ApiSchema(AutoSchema):
    """Adds to each operation its problems and path parameters, which every view has in the same way."""

    @property
    def resource(self) -> Any:
        """The view: one of ours."""
        return self.view

    def get_tags(self) -> list[str]:
        """The view's own."""
        return [self.resource.tag]

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        known = self.resource.path_parameters
        return [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": known[name][0],
                "schema": known[name][1],
            }
            for name in variables
        ]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in sorted(self._problems()):
            bodies.setdefault(str(status), self._problem(status))
        return bodies

    def _problems(self) -> set[int]:
        found = {401, 403, 406, 429} | set(self.resource.problems.get(self.method, ()))
        if self.resource.kwargs_of_path(self.path):
            found.add(404)
        if self.method in ("POST", "PATCH"):
            found |= {400, 413, 415, 422}
        if self._process_override_parameters():  # type: ignore[no-untyped-call]
            found.add(422)
        return found - frozenset(self.resource.never)

    def _problem(self, status: int) -> dict[str, Any]:
        meaning, code, detail = _MEANING[status]
        code, detail = self.resource.refusals.get(status, (code, detail))
        component: ResolvedComponent = self.resolve_serializer(ProblemSerializer, "response")
        title = HTTPStatus(status).phrase
        example = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
        return {
            "description": meaning,
            "content": {PROBLEM: {"schema": component.ref, "examples": {code: {"value": example}}}},
        }


class NamedChoiceExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A set of words is one named component wherever it is used."""

    target_class = NamedChoiceField
    match_subclasses = True

    def get_name(self) -> str:
        """The name of the component."""
        return str(self.target.component)

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """The words, each with its meaning where it has one."""
        meanings = [f"* `{word}`: {meaning}" for word, meaning in self.target.meanings.items() if meaning]
        schema: dict[str, Any] = {"type": "string", "enum": list(self.target.meanings)}
        return schema | ({"description": "\n".join(meanings)} if meanings else {})
