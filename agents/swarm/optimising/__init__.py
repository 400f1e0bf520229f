"""Searching for the best place of a landscape: particle swarms, evolution, differential evolution, by ask and tell."""

from agents.swarm.optimising.searching import ask, begin, run, tell
from agents.swarm.optimising.spec import Algorithm, SwarmSpec, spec_of
from agents.swarm.optimising.spreading import answer, chunks, fold, given, report, unanswered
from agents.swarm.optimising.state import Reason, State

__all__ = [
    "Algorithm", "Reason", "State", "SwarmSpec", "answer", "ask", "begin", "chunks", "fold", "given", "report", "run",
    "spec_of", "tell", "unanswered",
]  # fmt: skip
