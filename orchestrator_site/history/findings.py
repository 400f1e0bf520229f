"""What a verification found, in a sentence for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator_site.history.archiving import FileCheck, Standing
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
    return f"{found.stream}: {_of_chain(found)}"


def _of_chain(found: Verification) -> str:
    waiting = f" {_count(found.unsealed, 'event')} not sealed yet." if found.unsealed else ""
    if found.fault is not None:
        return f"TAMPERED. {_fault(found.fault)}{waiting}"
    if found.head is None:
        return f"nothing is sealed yet.{waiting}"
    if found.archived and not found.sealed:
        return f"archived, {_count(found.archived, 'event')}, head {found.head.hash}.{waiting}"
    behind = f" behind {_count(found.archived, 'event')} that are archived" if found.archived else ""
    return f"intact, {_count(found.sealed, 'event')}{behind} up to {found.head.hash}.{waiting}"


def sentence_with(found: Verification, files: Sequence[FileCheck]) -> str:
    """The finding of a history together with the files of its archives: what is wrong with any of them comes first."""
    bad = sum(each.standing is Standing.TAMPERED for each in files)
    if not bad or not found.ok:
        return sentence(found)
    which = "The file of its archive is" if len(files) == 1 else f"{bad} of the {len(files)} files of its archives are"
    return f"{found.stream}: TAMPERED. {which} not what was written. In the database: {_of_chain(found)}"


def archive_sentence(check: FileCheck) -> str:
    """What went into a file, and whether the file is the one that was written."""
    archive = check.archive
    told = (
        f"  Archived on {archive.at:%Y-%m-%d} by {archive.actor}: {_count(archive.events, 'event')} (places "
        f"{archive.first:,} to {archive.last:,}), head {archive.hash}, file {archive.file}, sha256 {archive.sha256}."
    )
    if check.standing is Standing.INTACT:
        return f"{told} {check.path} is that file, and intact."
    if check.standing is Standing.MISSING:
        verify = f"verify_history --file {archive.file}"
        return f"{told} {check.reason} Verify the file with `{verify}`, or say where it is with --archives DIR."
    fault = _fault(check.found.fault) if check.found is not None and check.found.fault is not None else check.reason
    return f"{told} TAMPERED: {check.path}. {fault}"


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
    kept = totals.there + totals.archived
    archived = f", {totals.archived:,} of them in archives" if totals.archived else ""
    if totals.ok:
        return f"All {totals.made:,} seals that were ever made are there{archived}."
    word = "fewer" if kept < totals.made else "more"
    return (
        f"TAMPERED. {kept:,} seals are there{archived} and {totals.made:,} were made: "
        f"{abs(totals.made - kept):,} {word}. Whole histories may have been removed or put in."
    )


def plain(found: Verification) -> dict[str, Any]:
    """The finding as JSON can hold it."""
    fault = found.fault
    return {
        "stream": found.stream,
        "ok": found.ok,
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "archived": found.archived,
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


def plain_archive(check: FileCheck) -> dict[str, Any]:
    """An archive with its file as JSON can hold it."""
    archive = check.archive
    return {
        "first": archive.first,
        "last": archive.last,
        "hash": archive.hash,
        "file": archive.file,
        "sha256": archive.sha256,
        "size": archive.size,
        "at": archive.at.isoformat(),
        "by": archive.actor,
        "standing": check.standing.value,
        "sentence": archive_sentence(check).strip(),
    }
