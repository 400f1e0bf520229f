"""What is asked of routing, and what it answers: values that JSON can hold where they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.values import Location

NAMED_AT_MOST = 5
"""How many agents that were left out are named in words; a step's reasons are to be read by a person."""
CIRCUIT_OPEN = "its circuit is open"
"""Why an agent is left out that its circuit keeps from being called."""

Predicate = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is looked for: agents with a capability in a range of versions (PEP 440), or one by name."""

    capability: str = ""
    specifiers: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of content-based routing: what holds for the payload, and who may have it then.

    ``when`` takes the payload (None: it always holds); who compiled it knows its language. ``agents`` are names or
    ids, ``tags`` must all be there; where neither is given everybody may have it. ``then`` is the strategy that picks
    among those who remain.
    """

    name: str
    when: Predicate | None = None
    agents: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    then: str = "least_loaded"


@dataclass(frozen=True, slots=True)
class Request:
    """One piece of work that looks for an agent.

    ``key`` is what affinity and consistent hashing go by; ``bound_to`` the id of the agent that had this key before,
    where somebody remembers it; ``exclude`` the ids that were tried already; ``wanted`` how many agents to name, in
    order of preference: the first, and those to turn to when it refuses.
    """

    strategy: str = "least_loaded"
    key: str = ""
    payload: Any = None
    location: Location | None = None
    exclude: frozenset[str] = frozenset()
    bound_to: str = ""
    rules: tuple[Rule, ...] = ()
    wanted: int = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that spoke for the decision: a stable word for programs, and a sentence for people."""

    code: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"code": self.code, "text": self.text, **({"facts": dict(self.facts)} if self.facts else {})}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An agent that could not be chosen, and why not."""

    agent: str
    name: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"agent": self.agent, "name": self.name, "why": self.why}


Explanation = Callable[[], Sequence[Reason]]
Omissions = Callable[[int | None], tuple[int, tuple[LeftOut, ...]]]
"""How many were left out, and the first so many of them, or all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets the work: ids in order of preference, none where nobody can take it now.

    The reasons are put into words when they are asked for, from what was true when it was decided.
    ``retry_after`` is in seconds, where nobody was chosen and somebody said when it is worth asking again.
    """

    strategy: str
    chosen: tuple[str, ...]
    considered: int
    version: int
    explanation: Explanation = field(repr=False, compare=False)
    omissions: Omissions = field(repr=False, compare=False)
    retry_after: float | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why these, and in this order."""
        return tuple(self.explanation())

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Every candidate that could not be chosen, with why."""
        return self.omissions(None)[1]

    @property
    def sentence(self) -> str:
        """The reasons in one line: ``least loaded: 2 of 5 places taken; x left out: its circuit is open``."""
        count, named = self.omissions(NAMED_AT_MOST)
        texts = [reason.text for reason in self.reasons] + [f"{one.name} left out: {one.why}" for one in named]
        if count > len(named):
            texts.append(f"{count - len(named)} more left out")
        return "; ".join(texts)

    def to_json(self) -> dict[str, Any]:
        """What is kept on the step: at most ``NAMED_AT_MOST`` of those left out are named, the others counted."""
        count, named = self.omissions(NAMED_AT_MOST)
        return {
            "strategy": self.strategy,
            "chosen": list(self.chosen[:NAMED_AT_MOST]),
            "chosen_count": len(self.chosen),
            "considered": self.considered,
            "registry_version": self.version,
            "reasons": [reason.to_json() for reason in self.reasons],
            "left_out": [one.to_json() for one in named],
            "left_out_count": count,
        }
