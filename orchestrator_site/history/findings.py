"""What a verification found, in a sentence for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from orchestrator_site.history.verification import Fault, Verification
from orchestrator_site.history.verifying import Totals

_WORDS = {
    "changed": "was changed",
    "removed": "was removed",
    "inserted": "was put in",
    "reordered": "was moved",
    "truncated": "the end of the history was cut off",
    "rewritten": "the history was made anew",
}


def sentence(found: Verification) -> str:
    """The finding in a sentence or two."""
    waiting = f" {_count(found.unsealed, 'event')} not sealed yet." if found.unsealed else ""
    if found.fault is not None:
        return f"{found.stream}: TAMPERED. {_fault(found.fault)}{waiting}"
    if found.head is None:
        return f"{found.stream}: nothing is sealed yet.{waiting}"
    return f"{found.stream}: intact, {_count(found.sealed, 'event')} up to {found.head.hash}.{waiting}"


def _fault(fault: Fault) -> str:
    word = _WORDS[fault.kind]
    if fault.kind in ("truncated", "rewritten"):
        after = f" (from place {fault.seq} on)" if fault.kind == "truncated" else ""
        return f"{word.capitalize()}{after}: {fault.reason}"
    names = [f"event {fault.event}"] if fault.event is not None else []
    names += [f"place {fault.seq}"] if fault.seq is not None else []
    return f"First fault: {' at '.join(names)} {word}. {fault.reason}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def totals_sentence(totals: Totals) -> str:
    """The count of seals, where it does not come out."""
    if totals.ok:
        return f"All {totals.made:,} seals that were ever made are there."
    word = "fewer" if totals.there < totals.made else "more"
    return (
        f"TAMPERED. {totals.there:,} seals are there and {totals.made:,} were made: "
        f"{abs(totals.made - totals.there):,} {word}. Whole histories may have been removed or put in."
    )


def plain(found: Verification) -> dict[str, Any]:
    """The finding as JSON can hold it."""
    fault = found.fault
    return {
        "stream": found.stream,
        "ok": found.ok,
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "head": {"seq": found.head.seq, "hash": found.head.hash} if found.head else None,
        "fault": None
        if fault is None
        else {
            "kind": fault.kind.value,
            "seq": fault.seq,
            "event": fault.event,
            "reason": fault.reason,
        },
        "sentence": sentence(found),
    }
