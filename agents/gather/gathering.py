"""Gathering answers: a value that takes answers and failures in any order, and says when it has enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from agents.errors import QuorumMissed
from agents.gather.aggregation import Aggregation, Options
from agents.gather.catalogue import find_aggregation
from agents.gather.values import Absence, Answered, Asked, Gathered, Missing, Stragglers, Verdict
from orchestrator_site.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Gathering:
    """Who was asked, and what has come of it so far. ``begin`` makes one; each answer makes the next."""

    asked: Mapping[str, Asked]
    quorum: int
    aggregation: Aggregation
    options: Options = field(default_factory=dict)
    stragglers: Stragglers = Stragglers.ABANDON
    answers: Mapping[str, Answered] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        asked: Sequence[Asked],
        *,
        aggregation: str = "all",
        quorum: int | None = None,
        options: Options | None = None,
        stragglers: Stragglers | str = Stragglers.ABANDON,
    ) -> Self:
        """A gathering of nothing yet. ``quorum`` None: what the aggregation needs.

        Raises ``InvalidInput`` for nobody asked, somebody asked twice, or a quorum that cannot be; and
        ``UnknownAggregation``.
        """
        how = find_aggregation(aggregation)
        how.check(options or {})
        by_id = {one.agent: one for one in asked}
        if not by_id or len(by_id) != len(asked):
            raise InvalidInput("A scatter asks at least one agent, and each of them once.")
        needed = how.quorum(len(by_id)) if quorum is None else quorum
        if not 1 <= needed <= len(by_id):
            raise InvalidInput(f"A quorum of {needed} among {len(by_id)} asked cannot be: name 1 to {len(by_id)}.")
        return cls(by_id, needed, how, dict(options or {}), _stragglers(stragglers))

    def answered(self, agent: str, value: Any) -> Self:
        """With an agent's answer. Its first counts; an answer after a failure counts too, in either order.

        Raises ``InvalidInput`` for an agent that was not asked.
        """
        asked = self._asked(agent)
        if agent in self.answers:
            return self
        answer = Answered(agent, asked.name or agent, value, asked.weight, arrived=len(self.answers))
        failures = {one: why for one, why in self.failures.items() if one != agent}
        return replace(self, answers={**self.answers, agent: answer}, failures=failures)

    def failed(self, agent: str, why: str) -> Self:
        """With an agent's failure; none that has answered. Raises ``InvalidInput`` for an agent that was not asked."""
        self._asked(agent)
        if agent in self.answers or agent in self.failures:
            return self
        return replace(self, failures={**self.failures, agent: why})

    @property
    def pending(self) -> int:
        """How many have neither answered nor failed."""
        return len(self.asked) - len(self.answers) - len(self.failures)

    @property
    def verdict(self) -> Verdict:
        """Whether there is enough, there never will be, or it is worth waiting."""
        if len(self.answers) + self.pending < self.quorum:
            return Verdict.IMPOSSIBLE
        if not self.pending:
            return Verdict.ENOUGH
        met = len(self.answers) >= self.quorum and self.stragglers is Stragglers.ABANDON
        if met and self.aggregation.settled(self._in_order(), self.pending, self.options):
            return Verdict.ENOUGH
        return Verdict.WAITING

    def conclude(self, *, partial: bool = False) -> Gathered:
        """The result of what is there now: at ``ENOUGH``, at the deadline, or when it has become impossible.

        ``partial``: fewer answers than the quorum will do, at least one. Raises ``QuorumMissed``, with who answered
        and who did not; ``AnswersUnusable`` where no value can be made of the answers.
        """
        answers = self._in_order()
        short = len(answers) < self.quorum
        if not answers or (short and not partial):
            raise self._missed()
        combined = self.aggregation.combine(answers, self.options)
        notes = combined.notes
        if short:
            notes = (f"{len(answers)} answered where {self.quorum} were wanted", *notes)
        return self._gathered(combined.value, notes, combined.details)

    def _gathered(self, value: Any, notes: tuple[str, ...] = (), details: Mapping[str, Any] | None = None) -> Gathered:
        return Gathered(
            value=value,
            aggregation=self.aggregation.name,
            quorum=self.quorum,
            answered=tuple(answer.name for answer in self._in_order()),
            missing=tuple(self._missing(one) for one in self.asked.values() if one.agent not in self.answers),
            notes=notes,
            details=details or {},
        )

    def _missed(self) -> QuorumMissed:
        gathered = self._gathered(None)
        whys = "; ".join(f"{one.name}: {one.why}" for one in gathered.missing[:3])
        more = f"; and {len(gathered.missing) - 3} more" if len(gathered.missing) > 3 else ""
        return QuorumMissed(
            f"{len(self.answers)} of {len(self.asked)} agents answered, {self.quorum} were needed. {whys}{more}.",
            gathered=gathered.to_json(),
        )

    def _missing(self, one: Asked) -> Missing:
        name = one.name or one.agent
        if one.agent in self.failures:
            return Missing(one.agent, name, Absence.FAILED, self.failures[one.agent])
        if self.verdict is Verdict.ENOUGH:
            return Missing(one.agent, name, Absence.NOT_NEEDED, "the others were enough")
        return Missing(one.agent, name, Absence.LATE, "it had not answered by the end")

    def _in_order(self) -> list[Answered]:
        """The answers in the order asked, whatever order they came in."""
        return [self.answers[agent] for agent in self.asked if agent in self.answers]

    def _asked(self, agent: str) -> Asked:
        asked = self.asked.get(agent)
        if asked is None:
            raise InvalidInput(f"{agent!r} was not asked.")
        return asked


def _stragglers(name: Stragglers | str) -> Stragglers:
    try:
        return Stragglers(name)
    except ValueError:
        choices = ", ".join(one.value for one in Stragglers)
        raise InvalidInput(f"Stragglers cannot be treated as {name!r}. There are: {choices}.") from None
