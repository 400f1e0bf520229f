"""What a worker keeps between decisions: candidates while the registry has not changed, loads for a moment."""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from agents.routing.candidates import Candidates
from agents.routing.loads import Loads, LoadSource
from agents.routing.memory import Memory
from orchestrator_site.errors import Unavailable

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Candidates as they stand at one version of the registry, with this worker's turns and loads of them."""

    candidates: Candidates
    memory: Memory
    book: LoadBook


class LoadBook:
    """The loads of candidates as this worker knows them: read every so often, with what it did itself since added.

    Its own doings matter: without them a worker would send everything to the same agent until it reads again.
    One thread reads, and others meanwhile go by what was read before. Where the source is unavailable the last
    figures stay, or everybody counts as idle: admission, not routing, is what protects an agent.
    """

    def __init__(self, candidates: Candidates, source: LoadSource, *, seconds: float, clock: Clock = time.monotonic):
        self._candidates, self._source = candidates, source
        self._seconds, self._clock = seconds, clock
        self._loads = Loads.of(candidates)
        self._read_at = -float("inf")
        self._reading, self._writing = threading.Lock(), threading.Lock()

    def loads(self) -> Loads:
        """The loads, at most so many seconds old."""
        if self._clock() - self._read_at >= self._seconds:
            first = self._read_at == -float("inf")  # the first have nothing to go by, so that all wait
            if self._reading.acquire(blocking=first):
                try:
                    self._read_again()
                finally:
                    self._reading.release()
        return self._loads

    def took(self, agent: str) -> None:
        """This worker has given the agent a step."""
        self._add(agent, 1)

    def gave_back(self, agent: str) -> None:
        """The agent has ended a step of this worker's."""
        self._add(agent, -1)

    def _add(self, agent: str, steps: int) -> None:
        index = self._candidates.index.get(agent)
        if index is None:
            return
        with self._writing:
            self._loads = self._loads.with_more(index, steps)

    def _read_again(self) -> None:
        began = self._clock()
        if began - self._read_at < self._seconds:
            return  # another thread has just read
        try:
            found = Loads.of(self._candidates, self._source.standing(self._candidates.ids), fresh=self._seconds == 0)
        except Unavailable:
            found = self._loads
        with self._writing:
            self._loads = found
        self._read_at = began


class PreparedCache:
    """Candidates by what was asked for, as long as the registry has its version; the least lately used go first.

    ``rng`` draws where each turn begins: None draws from the system, so that no two workers march in step.
    """

    def __init__(
        self,
        source: LoadSource,
        *,
        seconds: float,
        kept: int = 512,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._source, self._seconds, self._kept, self._clock = source, seconds, kept, clock
        self._rng = rng if rng is not None else random.Random()
        self._prepared: OrderedDict[Hashable, Prepared] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, version: int, prepare: Callable[[], Candidates]) -> Prepared:
        """What is prepared for ``key`` at this version; prepared anew where the registry has changed since.

        Read the version before the agents: then what is kept is never older than its number says.
        """
        with self._lock:
            found = self._prepared.get(key)
            if found is not None and found.candidates.version == version:
                self._prepared.move_to_end(key)
                return found
        candidates = prepare()
        book = LoadBook(candidates, self._source, seconds=self._seconds, clock=self._clock)
        made = Prepared(candidates, Memory(random.Random(self._rng.getrandbits(64))), book)
        with self._lock:
            self._prepared[key] = made
            self._prepared.move_to_end(key)
            while len(self._prepared) > self._kept:
                self._prepared.popitem(last=False)
        return made
