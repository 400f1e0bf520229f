"""What a call to a model costs: estimated from above before it is made, counted after it. Pure.

Reserve before, settle after: a call is made only where the most it may use fits into what is left, and what it used
is booked before anything else is done with its answer.
"""

from __future__ import annotations

from agents.llm.abilities import Allowance
from agents.llm.settings import Price
from agents.usage import CallUsage

BYTES_A_TOKEN = 3
"""Byte-pair encodings average about four bytes a token in English; counting by three errs on the dear side there."""

MILLION = 1_000_000
FREE = Price()


def cost_of(tokens_in: int, tokens_out: int, price: Price) -> float:
    """In the currency of budgets."""
    return (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / MILLION


def tokens_of(text: str) -> int:
    """About how many tokens a text has; at least one."""
    return len(text.encode()) // BYTES_A_TOKEN + 1


def most(body: str, max_tokens: int, price: Price) -> CallUsage:
    """The most that a call may use: all of its body read, and as many tokens answered as it allows."""
    tokens_in = tokens_of(body)
    return CallUsage(tokens_in, max_tokens, cost_of(tokens_in, max_tokens, price))


def used(body: str, content: str, counted: tuple[int | None, int | None], price: Price) -> CallUsage:
    """What a call used: as the server counted, and where it does not count as estimated."""
    tokens_in = counted[0] if counted[0] is not None else tokens_of(body)
    tokens_out = counted[1] if counted[1] is not None else tokens_of(content)
    return CallUsage(tokens_in, tokens_out, cost_of(tokens_in, tokens_out, price))


def lacking(allowance: Allowance, wanted: CallUsage) -> str:
    """Why what is wanted does not fit into what is left; an empty text where it does."""
    tokens = wanted.tokens_in + wanted.tokens_out
    if allowance.tokens is not None and tokens > allowance.tokens:
        return f"it may use {tokens} tokens, and {max(allowance.tokens, 0):g} are left"
    if allowance.cost is not None and wanted.cost > allowance.cost:
        return f"it may cost {wanted.cost:g}, and {max(allowance.cost, 0):g} is left"
    return ""
