"""The desk of a process, at which steps ask for admission to agents: what is shared, what is remembered, and what is
decided alone while Redis is away."""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agents.resilience import watching
from agents.resilience.guarding import Barrier, Held, Let
from agents.resilience.link import Link, RedisAway
from agents.resilience.local import Local, at_the_floor
from agents.resilience.outcomes import ANSWERED, Ending, Outcome
from agents.resilience.rules import SETTING, Rules, rules_for
from agents.resilience.shared import SEPARATOR, OrdersUnknown, Shared
from agents.resilience.standings import Standings
from agents.resilience.states import CircuitState
from agents.resilience.values import Admitted, Change, Order, Refused, Standing
from agents.values import Performer

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_LASTING = frozenset({Barrier.PAUSED, Barrier.CIRCUIT})
_LETTING = frozenset({CircuitState.CLOSED, CircuitState.FORCED_CLOSED})
_SAYS_NOTHING = frozenset({Ending.ANSWERED, Ending.REJECTED, Ending.ABANDONED})
_ORDERS_FOR = 5.0  # seconds for which orders read from PostgreSQL are good while Redis is away

_REASONS = {
    Barrier.PAUSED: "the agent asked to be left alone for a while",
    Barrier.CIRCUIT: "the agent's circuit is open",
    Barrier.AGENT_FULL: "the agent does as much at once as it may",
    Barrier.PROJECT_FULL: "the project does as much at once as it may",
    Barrier.RATE: "the agent gets as many calls a second as it may",
}


@dataclass(frozen=True, slots=True)
class House:
    """What holds for all agents: ``rules`` where an agent says nothing else; ``stale`` seconds that a remembered
    standing or refusal is good."""

    rules: Rules
    project_places: int = 20
    python_places: int | None = None
    stale: float = 0.1


class Desk:
    """For all threads of a process. ``orders`` reads what operators forced from where it is kept for good."""

    def __init__(
        self,
        house: House,
        link: Callable[..., Link],
        orders: Callable[[], list[Order]],
        shared: Callable[[Link], Shared] = Shared,
    ) -> None:
        self._house, self._orders = house, orders
        self._link = link(on_loss=self._redis_lost, on_return=self._redis_back)
        self._shared, self._local = shared(self._link), Local()
        self._standings = Standings(house.stale)
        self._rules: dict[str, tuple[object, Rules]] = {}  # with what of the agent they depend on
        self._refusals: dict[str, tuple[float, Held]] = {}
        self._held: dict[str, tuple[float, Admitted]] = {}  # by place, with the moment from which its lease surely runs
        self._renewing = threading.Lock()
        self._orders_read = 0.0
        self._name, self._numbers = secrets.token_hex(4), itertools.count()

    def rules(self, agent: Performer) -> Rules:
        """What holds for an agent. Raises ``AgentSettingsRefused``."""
        depends_on = agent.max_concurrency, agent.settings.get(SETTING), agent.transport
        known = self._rules.get(agent.id)
        if known is None or known[0] != depends_on:
            rules = rules_for(agent, self._house.rules, python_places=self._house.python_places)
            self._rules[agent.id] = known = depends_on, rules
        return known[1]

    # --- asking

    def admit(
        self, agent: Performer, project_id: str, worker: str, project_places: int | None = None
    ) -> Admitted | Refused:
        """A place with the agent for one call, or why there is none now."""
        remembered = self._refusals.get(agent.id)
        if remembered is not None:
            if remembered[0] > time.monotonic():
                return _refused(remembered[1])
            self._refusals.pop(agent.id, None)
        place = SEPARATOR.join((worker, agent.id, project_id, f"{self._name}.{next(self._numbers)}"))
        limit = self._house.project_places if project_places is None else project_places
        return self._ask(Admitted(agent.id, project_id, place, self.rules(agent), limit, 0, probe=False))

    def keep(self, admitted: Admitted) -> Admitted | Refused:
        """The same place for one more call. A place that was lost is asked for anew; refused, it is given back."""
        if not admitted.shared:
            self._link.nudge()
        if self._surely_holds(admitted):
            standing = self._standing_of(admitted)
            if standing.state in _LETTING and standing.paused_for <= 0:
                if standing.generation == admitted.generation:
                    return admitted
                return replace(admitted, generation=standing.generation, probe=False)
        if not admitted.shared and not self._link.away:
            self.release(admitted)  # Redis is back: from here on the place is counted for all
        answer = self._ask(admitted)
        if isinstance(answer, Refused):
            self.release(admitted)
        return answer

    # --- ending

    def report(self, admitted: Admitted, outcome: Outcome, seconds: float | None = None) -> None:
        """Say how a call ended, the place being kept. ``seconds`` that it took."""
        self._end(admitted, outcome, seconds, release=False)

    def release(self, admitted: Admitted) -> None:
        """Give the place back. Twice does nothing."""
        self._end(admitted, None, None, release=True)

    def settle(self, admitted: Admitted, outcome: Outcome, seconds: float | None = None) -> None:
        """``report`` and ``release`` in one round trip."""
        self._end(admitted, outcome, seconds, release=True)

    def renew(self) -> list[Admitted]:
        """Longer leases for all places of this process, in one round trip; gives those that were lost."""
        self._link.nudge()
        with self._renewing:  # so that none is renewed for so short that was just left to its agent for longer
            held = [admitted for _, admitted in tuple(self._held.values()) if admitted.shared]
            if not held:
                return []
            asked = time.monotonic()
            try:
                lost = self._shared.renew(held, self._house.rules.lease)
            except RedisAway:
                return []
        for admitted in held:
            if admitted.place in self._held:
                self._held[admitted.place] = asked, admitted
        for admitted in lost:
            self._held.pop(admitted.place, None)
        return lost

    # --- agents that answer later

    def leave(self, admitted: Admitted, seconds: float) -> Admitted:
        """The agent took the work and will answer later: the place is its own, for so many seconds.

        That it took the work is an answer to a probe; what becomes of the work counts when it is over: see ``end``.
        """
        changed = self._tell(admitted, ANSWERED, None, release=False) if admitted.probe else None
        generation = admitted.generation + (changed is not None)
        kept = replace(admitted, generation=generation, probe=False, shared=True)
        if not admitted.shared:
            self.release(admitted)  # what a process counts by itself would never be given back by another
            return kept
        with self._renewing:
            self._held.pop(admitted.place, None)
            self.hold(kept, seconds)
        return kept

    def hold(self, kept: Admitted, seconds: float) -> None:
        """A longer lease for a place that an agent keeps, whichever process left it to the agent. While Redis is away
        nobody counts; a place that Redis forgot is taken anew where there is room."""
        with contextlib.suppress(RedisAway):
            self._shared.renew([kept], seconds)

    def end(self, kept: Admitted, outcome: Outcome | None) -> None:
        """The work that was left to an agent is over; None where that says nothing about the agent."""
        self._tell(kept, outcome, None, release=True)

    # --- looking

    def standing(self, agents: Iterable[Performer]) -> Mapping[str, Standing]:
        """How agents stand, by id, read at most ``stale`` seconds ago; those that are not known are read together."""
        rules = {agent.id: self.rules(agent) for agent in agents}
        with contextlib.suppress(RedisAway):
            return self._standings.of(rules, self._read)
        return {agent_id: self._local.standing(agent_id, own) for agent_id, own in rules.items()}

    def describe(self, agent_id: str) -> dict[str, Any]:
        """Everything that is known of an agent, for people. While Redis is away: what this process knows."""
        try:
            return {"shared": True, **self._shared.describe(agent_id)}
        except RedisAway:
            standing = self._local.standing(agent_id, self._house.rules)
            circuit = {"state": standing.state.value, "why": "Redis is away; each process decides alone"}
            return {"shared": False, "circuit": circuit, "running": standing.running}

    def obey(self, order: Order) -> None:
        """Set in Redis what an operator said. While it is away the order stands in PostgreSQL, and is set later."""
        self._forget_what_is_remembered(order.agent_id)
        try:
            for change in self._shared.obey([order]):
                watching.report(change)
        except RedisAway:
            self._local.obey([order])

    def set_orders(self) -> None:
        """Set all that operators forced, whatever Redis still knows of it. Raises ``RedisAway``."""
        for change in self._shared.obey(self._orders(), all_there_are=True):
            watching.report(change)

    def forget(self, agent_id: str) -> None:
        """Of an agent that is gone, keep nothing."""
        self._rules.pop(agent_id, None)
        self._forget_what_is_remembered(agent_id)
        try:
            self._shared.forget(agent_id)
        except RedisAway:
            return  # what is left goes by itself after a day

    # --- inside

    def _ask(self, wanted: Admitted) -> Admitted | Refused:
        asked = time.monotonic()
        shared = True
        try:
            answer, change = self._with_orders(
                lambda: self._shared.admit(
                    wanted.agent_id, wanted.project_id, wanted.place, wanted.rules, wanted.project_places
                )
            )
        except RedisAway:
            shared = False
            answer, change = self._ask_alone(wanted)
        if change is not None:
            self._forget_what_is_remembered(wanted.agent_id)
            watching.report(change)
        if isinstance(answer, Let):
            admitted = replace(wanted, generation=answer.generation, probe=answer.probe, shared=shared)
            self._held[wanted.place] = asked, admitted
            return admitted
        if answer.barrier in _LASTING and shared:
            self._refusals[wanted.agent_id] = asked + min(answer.wait, self._house.stale), answer
        return _refused(answer)

    def _ask_alone(self, wanted: Admitted) -> tuple[Let | Held, Change | None]:
        if time.monotonic() - self._orders_read > _ORDERS_FOR:
            self._orders_read = time.monotonic()
            self._local.obey(self._orders())
        throttled = (known := self._standings.last(wanted.agent_id)) is not None and known.rate is not None
        rules = at_the_floor(wanted.rules, throttled=throttled)
        return self._local.admit(wanted.agent_id, wanted.project_id, wanted.place, rules, wanted.project_places)

    def _end(self, admitted: Admitted, outcome: Outcome | None, seconds: float | None, *, release: bool) -> None:
        if release:
            release = self._held.pop(admitted.place, None) is not None
        if outcome is not None and _is_no_news(admitted, outcome):
            outcome = None
        if outcome is not None or release:
            self._tell(admitted, outcome, seconds, release=release)

    def _tell(
        self, admitted: Admitted, outcome: Outcome | None, seconds: float | None, *, release: bool
    ) -> Change | None:
        store = self._shared if admitted.shared else self._local
        try:
            change = store.ended(admitted, outcome, seconds, release=release)
        except RedisAway:
            if outcome is None:
                return None  # the lease gives the place back
            # What was learned is not lost on this process, which is alone with the agent for now.
            generation = self._local.standing(admitted.agent_id, admitted.rules).generation
            change = self._local.ended(replace(admitted, generation=generation), outcome, seconds, release=False)
        if change is not None:
            self._forget_what_is_remembered(admitted.agent_id)
            watching.report(change)
        return change

    def _surely_holds(self, admitted: Admitted) -> bool:
        """Whether a call needs nobody's leave but the circuit's: its rate is not counted, and its place is not lost."""
        held = self._held.get(admitted.place)
        if held is None or admitted.shared == self._link.away or not admitted.rules.rate.unpaced:
            return False
        return not admitted.shared or time.monotonic() - held[0] < admitted.rules.lease

    def _standing_of(self, admitted: Admitted) -> Standing:
        fresh = self._standings.fresh(admitted.agent_id)
        if fresh is not None:
            return fresh
        if not admitted.shared:
            return self._local.standing(admitted.agent_id, admitted.rules)
        # One round trip for all that this process holds, since each of them will be asked about soon.
        rules = {one.agent_id: one.rules for _, one in tuple(self._held.values()) if one.shared}
        try:
            return self._standings.of(rules | {admitted.agent_id: admitted.rules}, self._read)[admitted.agent_id]
        except RedisAway:
            return self._local.standing(admitted.agent_id, admitted.rules)

    def _read(self, rules: Mapping[str, Rules]) -> dict[str, Standing]:
        ids = list(rules)
        seen = self._with_orders(lambda: self._shared.standing(ids))
        return {agent_id: one.under(rules[agent_id]) for agent_id, one in zip(ids, seen, strict=True)}

    def _with_orders(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except OrdersUnknown:
            self.set_orders()
            return ask()

    def _forget_what_is_remembered(self, agent_id: str) -> None:
        self._refusals.pop(agent_id, None)
        self._standings.forget(agent_id)

    def _redis_lost(self) -> None:
        self._local.begin()
        self._orders_read = 0.0

    def _redis_back(self) -> None:
        self._refusals.clear()
        self._standings.clear()
        try:
            self.set_orders()
        except RedisAway:
            return
        except Exception:  # the call that brought Redis back is not at fault, and Redis may know the orders still
            _logger.exception("What operators forced could not be read.")


def _refused(held: Held) -> Refused:
    # Up to a quarter more, so that those who were refused together do not come back together.
    return Refused(held.barrier, _REASONS[held.barrier], held.wait * random.uniform(1.0, 1.25))


def _is_no_news(admitted: Admitted, outcome: Outcome) -> bool:
    """Whether an outcome changes nothing anywhere, so that no round trip is spent on it."""
    if admitted.probe or outcome.ending not in _SAYS_NOTHING:
        return False
    return outcome.ending is not Ending.ANSWERED or not admitted.rules.rate.adaptive
