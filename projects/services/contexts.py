"""What an agent gets to see: inputs, parameters, the results it may read, and the ways to speak to the engine."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

from agents.definition import DocumentHandle
from agents.llm.abilities import Allowance
from agents.swarm.optimising import given
from orchestrator_site.history import services as history
from orchestrator_site.storable import storable
from projects import sql
from projects.blueprints.expressions import render
from projects.blueprints.schema import StepKind
from projects.models import Attempt, Document, Phase, Project, Step
from projects.models.project import Priority
from projects.services import allowances, calling, results
from projects.services.approved import ApprovedContents
from projects.services.attempts import Claim
from projects.services.workers import Held
from projects.states import Directive, ProjectState, StepState


class Results(Mapping[str, Any]):
    """Results by step key, read when they are asked for, the latest round of each.

    Of a ``for_each`` step it is the list of its items' results, ``None`` for an item without one; of a step that an
    operator passed over what they gave in its place; of another that did not complete ``None``; a step that is not
    there is a ``KeyError``.
    """

    def __init__(self, project_id: UUID) -> None:
        self._project_id = project_id
        self._known: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @cached_property
    def _keys(self) -> list[str]:
        steps = Step.objects.filter(project_id=self._project_id, parent=None)
        return list(dict.fromkeys(steps.order_by("phase__position", "position").values_list("key", flat=True)))

    def _read(self, key: str) -> Any:
        step = (
            Step.objects.filter(project_id=self._project_id, key=key, parent=None)
            .order_by("-round")
            .values("id", "state", "result", "result_blob_id", "spec")
            .first()
        )
        if step is None:
            raise KeyError(key)
        if (step["spec"] or {}).get("for_each") is not None and step["state"] == StepState.COMPLETED:
            items = Step.objects.filter(parent_id=step["id"]).order_by("position")
            return results.of_rows(list(items.values("result", "result_blob_id")))
        return results.of_rows([step])[0]


@dataclass(frozen=True)
class StoredDocument:
    """A document of the project; its content is read when it is asked for."""

    id: str
    name: str
    media_type: str
    sha256: str

    def read(self) -> bytes:
        """The content."""
        row = Document.objects.select_related("content").get(pk=self.id)
        return bytes(row.content.content)


@lru_cache(maxsize=512)
def documents_of(project_id: UUID) -> tuple[StoredDocument, ...]:
    """The project's documents, in the order in which they were given; they stay as they are once it is made."""
    rows = Document.objects.filter(project_id=project_id).order_by("position")
    return tuple(
        StoredDocument(str(row["id"]), row["name"], row["media_type"], row["content_id"])
        for row in rows.values("id", "name", "media_type", "content_id")
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What stays as it is of a project for as long as it runs; JSON as text, so that each reader has its own copy."""

    inputs: str
    variables: str
    intent: str
    title: str
    priority: str


@lru_cache(maxsize=1024)
def facts_of(project_id: UUID) -> Facts:
    """A project's facts, kept by this process. Raises ``Project.DoesNotExist``."""
    rows = sql.rows("facts", project=project_id)
    if not rows:
        raise Project.DoesNotExist(f"There is no project {project_id}.")
    return Facts(**{**rows[0], "priority": Priority(rows[0]["priority"]).label})


@lru_cache(maxsize=1024)
def _rework_of(phase_id: UUID, round_number: int) -> tuple[int, tuple[str, ...]]:
    """Which iteration a round is, and the comments of those who sent it back; they change with the round only."""
    phase = Phase.objects.filter(pk=phase_id, round=round_number).only("round", "base_round", "comments").first()
    return (phase.iteration, tuple(phase.comments)) if phase is not None else (round_number, ())


class Roots(Mapping[str, Any]):
    """What expressions may refer to, by root; each is read when an expression asks for it, and then kept."""

    def __init__(self, readers: Mapping[str, Callable[[], Any]]) -> None:
        self._readers = readers
        self._known: dict[str, Any] = {}

    def __getitem__(self, root: str) -> Any:
        if root not in self._known:
            self._known[root] = self._readers[root]()
        return self._known[root]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, root: object) -> bool:
        return root in self._readers


def expression_context(
    project: Project, results: Mapping[str, Any], phase: Phase | None = None, *, at_gate: bool = False
) -> Roots:
    """What expressions of a project may refer to, by root.

    ``at_gate``: for the gate of the phase, which cannot rest on what is decided there.
    """
    rework = (phase.iteration, tuple(phase.comments)) if phase is not None else (1, ())
    readers = _readers(project.pk, results, lambda: rework, phase if at_gate else None)
    # As the row has them now: a gate must see what has changed under it.
    return Roots(readers | {"inputs": lambda: project.inputs, "variables": lambda: project.variables})


def _readers(
    project_id: UUID,
    results: Mapping[str, Any],
    rework: Callable[[], tuple[int, tuple[str, ...]]],
    at_gate_of: Phase | None = None,
) -> dict[str, Callable[[], Any]]:
    def rounds() -> dict[str, Any]:
        number, comments = rework()
        return {"round": number, "comments": list(comments)}

    def project() -> dict[str, Any]:
        facts = facts_of(project_id)
        return {"id": str(project_id), "title": facts.title, "priority": facts.priority}

    return {
        "inputs": lambda: json.loads(facts_of(project_id).inputs),
        "results": lambda: results,
        "values": dict,
        "variables": lambda: json.loads(facts_of(project_id).variables),
        "approvals": lambda: ApprovedContents(project_id, at_gate_of),
        "rework": rounds,
        "documents": lambda: [
            {"id": each.id, "name": each.name, "media_type": each.media_type, "sha256": each.sha256}
            for each in documents_of(project_id)
        ],
        "project": project,
        "intent": lambda: facts_of(project_id).intent,
    }


class StepContext:
    """The context of one attempt; see ``agents.definition.AgentContext`` for what each part means.

    Each part is read when the agent asks for it: most agents want their parameters and no more.
    """

    def __init__(self, step: Claim, held: Held, actor: str) -> None:
        self._step = step
        self.held = held
        self.actor = actor
        self.project_id = str(step.project_id)
        self.step_key = step.key
        self.attempt = step.attempt
        self.results: Mapping[str, Any] = Results(step.project_id)
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost = 0.0
        self._asked_at = 0.0
        self.calls: dict[str, int] = {}

    @property
    def step(self) -> Claim:
        """The step and attempt that it is the context of."""
        return self._step

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """The project's inputs."""
        return dict(json.loads(facts_of(self._step.project_id).inputs))

    @cached_property
    def params(self) -> Mapping[str, Any]:
        """The step's parameters, evaluated; those of an item of a search are its chunk. Raises ``ExpressionFailed``."""
        if self._step.spec.get("kind") == StepKind.SWARM:
            return given(self._step.item)
        return dict(self.rendered(self._step.spec.get("params") or {}))

    def rendered(self, template: Any) -> Any:
        """A template of the step's specification, evaluated. Raises ``ExpressionFailed``."""
        step = self._step
        readers = _readers(step.project_id, self.results, lambda: _rework_of(step.phase_id, step.round))
        if step.parent_id is not None:
            readers |= {"item": lambda: step.item, "index": lambda: step.position}
        return render(template, Roots(readers))

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The design values; projects have none yet."""
        return {}

    @cached_property
    def documents(self) -> Sequence[DocumentHandle]:
        """The project's documents."""
        return documents_of(self._step.project_id)

    @cached_property
    def intent(self) -> str:
        """What is wanted, in words."""
        return facts_of(self._step.project_id).intent

    @cached_property
    def rework(self) -> Sequence[str]:
        """The comments of those who sent the phase back."""
        return _rework_of(self._step.phase_id, self._step.round)[1]

    @cached_property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step."""
        return idempotency_key(self._step.id)

    @cached_property
    def logger(self) -> logging.Logger:
        """A logger named for the agent."""
        return logging.getLogger(f"agents.{self._step.agent}")

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        """Keep what the agent says about its progress; the lease itself is renewed by the worker."""
        Attempt.objects.filter(step_id=self.held.step, number=self.attempt, finished_at=None).update(
            details=storable(details or {})
        )

    def cancelled(self) -> bool:
        """Whether to stop; asks the database at most once a second."""
        if not self.held.cancelled.is_set() and time.monotonic() - self._asked_at >= 1:
            self._asked_at = time.monotonic()
            project = Project.objects.filter(pk=self.project_id).values_list("state", "directive").first()
            if project is None or project[0] != ProjectState.RUNNING or project[1] == Directive.CANCEL:
                self.held.cancel()
        return self.held.told_at is not None

    def cancelled_for(self) -> float | None:
        """Seconds since the heartbeat, or an answer to ``cancelled``, has told this attempt to stop."""
        told_at = self.held.told_at
        return None if told_at is None else time.monotonic() - told_at

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the project's history, under ``agent.``."""
        history.append(
            UUID(self.project_id),
            f"agent.{kind}",
            actor=self.actor,
            subject=self.step_key,
            data=dict(data or {}),
        )

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        """Book usage; it is committed with the result."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.cost += cost

    def allowance(self) -> Allowance:
        """What is left of the step's budgets for this attempt, what it has used so far being taken off."""
        return allowances.of(self._step, tokens=self.tokens_in + self.tokens_out, cost=self.cost)

    def call_agent(self, name: str, params: Mapping[str, Any], *, timeout: float) -> Any:
        """The result of an agent that is called on behalf of this attempt; what it uses is booked to the attempt.

        Raises ``AgentFailure`` where it fails, cannot be called now, or would answer later; ``AgentNotFound``.
        """
        return calling.call(self, self._step, name, params, timeout=timeout)


def idempotency_key(step_id: UUID) -> str:
    """The same for every attempt at a step, and no other step's."""
    return hashlib.sha256(f"phasegate step {step_id}".encode()).hexdigest()[:32]
