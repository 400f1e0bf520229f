"""Bringing a run's requirements together: ids, duplicates, contradictions, what reviewers left out, and the
ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from agents.library.requirements.contradictions import contradictions
from agents.library.requirements.duplicates import Pair, duplicates, much_alike
from agents.library.requirements.exclusions import exclusions
from agents.library.requirements.ledger import Ledger, take_stock
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.requirement import Citation, Finding, Modality, Requirement, Severity, Status
from agents.library.requirements.validator import citation_holds

MOST_SIMILAR = 200
_RECOMMENDATIONS = (Modality.SHOULD, Modality.SHOULD_NOT, Modality.MAY)


@dataclass(frozen=True, slots=True)
class Policy:
    """What to keep: the inputs of the project that integration obeys."""

    minimum_confidence: float = 0.0
    keep_recommendations: bool = True
    deduplicate: bool = True

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Policy:
        return cls(
            float(inputs.get("minimum_confidence", 0.0)),
            bool(inputs.get("keep_recommendations", True)),
            bool(inputs.get("remove_duplicates", True)),
        )


@dataclass(frozen=True, slots=True)
class Integrated:
    """All candidates of a run in document order, with their ids and final states, and what was found across
    them.

    ``duplicates``, ``contradictions`` and ``similar`` name requirements by key.
    """

    requirements: tuple[Requirement, ...]
    duplicates: tuple[tuple[str, str, str], ...]
    contradictions: tuple[tuple[str, str, str], ...]
    similar: tuple[tuple[str, str, str], ...] = ()

    @property
    def accepted(self) -> tuple[Requirement, ...]:
        return tuple(one for one in self.requirements if one.status is Status.INTEGRATED)


def integrate(reviewed: Sequence[Requirement], policy: Policy, comments: Sequence[str] = ()) -> Integrated:
    """Settle each candidate (policy, duplicates, exclusions by reviewers) and give ids in document order.

    Ids are given before reviewers' exclusions count, so that the others keep theirs when one is taken out.
    """
    kept = _by_policy(_with_unique_keys(reviewed), policy)
    live = [position for position, one in enumerate(kept) if one.live]
    alike = duplicates([kept[position] for position in live])
    twins = _by_key(alike, live, kept)
    gone = {live[pair.later] for pair in alike} if policy.deduplicate else set()
    settled = _numbered(kept, gone)
    if policy.deduplicate:
        settled = _settle_duplicates(settled, alike, live)
    settled = _excluded(settled, comments)
    live = [position for position, one in enumerate(settled) if one.live]
    opposed = contradictions([settled[position] for position in live])
    similar = islice(much_alike([settled[position] for position in live]), MOST_SIMILAR)
    alike_left = _by_key(similar, live, settled)
    settled = _marked(settled, opposed, live)
    final = tuple(replace(one, status=Status.INTEGRATED) if one.live else one for one in settled)
    return Integrated(final, twins, _by_key(opposed, live, settled), alike_left)


def _with_unique_keys(reviewed: Sequence[Requirement]) -> list[Requirement]:
    """Equal statements at several places get their place's number behind the key, the first none."""
    seen: Counter[str] = Counter()
    unique = []
    for one in reviewed:
        seen[one.key] += 1
        unique.append(one if seen[one.key] == 1 else replace(one, key=f"{one.key}-{seen[one.key]}"))
    return unique


def _numbered(candidates: Sequence[Requirement], gone: set[int]) -> list[Requirement]:
    numbered, count = [], 0
    for position, one in enumerate(candidates):
        stays = one.live and position not in gone
        count += stays
        numbered.append(replace(one, id=f"REQ-{count:04d}") if stays else one)
    return numbered


def _by_policy(candidates: Sequence[Requirement], policy: Policy) -> list[Requirement]:
    return [_held_against(one, policy) if one.live else one for one in candidates]


def _held_against(one: Requirement, policy: Policy) -> Requirement:
    if one.confidence < policy.minimum_confidence:
        doubts = "; ".join(one.doubts)
        least = policy.minimum_confidence
        reason = f"Its confidence {one.confidence:.2f} is below the {least:.2f} asked for: {doubts}."
        return one.rejected("low_confidence", reason)
    if not policy.keep_recommendations and one.modality in _RECOMMENDATIONS:
        return one.rejected(
            "recommendation", f"It recommends or permits ('{one.keyword}'); only demands were asked for."
        )
    return one


def _excluded(candidates: Sequence[Requirement], comments: Sequence[str]) -> list[Requirement]:
    out = exclusions(comments)
    return [
        one.rejected("reviewer", f"Left out by the reviewer: {out[one.id]}") if one.live and one.id in out else one
        for one in candidates
    ]


def _settle_duplicates(
    candidates: Sequence[Requirement], pairs: Sequence[Pair], live: Sequence[int]
) -> list[Requirement]:
    """The first of each set of duplicates stays and takes over the others' citations."""
    settled = list(candidates)
    for pair in pairs:
        kept, gone = live[pair.earlier], live[pair.later]
        first, other = settled[kept], settled[gone]
        settled[kept] = replace(first, also=(*first.also, other.citation))
        reason = f"It says the same as {first.id} ({pair.reason}), which now cites this passage as well."
        settled[gone] = other.rejected("duplicate", reason)
    return settled


def _marked(candidates: Sequence[Requirement], pairs: Sequence[Pair], live: Sequence[int]) -> list[Requirement]:
    """A contradiction is a finding on the later one: which of the two holds is for a person to say."""
    marked = list(candidates)
    for pair in pairs:
        other, position = marked[live[pair.earlier]], live[pair.later]
        text = f"It contradicts {other.id}: {pair.reason}."
        finding = Finding("contradiction", text, Severity.MAJOR, other.id)
        marked[position] = replace(marked[position], findings=(*marked[position].findings, finding))
    return marked


def _by_key(
    pairs: Iterable[Pair], live: Sequence[int], candidates: Sequence[Requirement]
) -> tuple[tuple[str, str, str], ...]:
    return tuple((candidates[live[p.earlier]].key, candidates[live[p.later]].key, p.reason) for p in pairs)


def ledgers(requirements: Sequence[Requirement], documents: Sequence[OpenDocument]) -> dict[str, Ledger]:
    """The completeness ledger of each document, by its id."""
    return {
        document.id: take_stock(
            document.name,
            document.text.text,
            [cited for one in requirements for cited in _cited(one) if cited.document_id == document.id],
            document.conventions.language,
        )
        for document in documents
    }


def _cited(one: Requirement) -> tuple[Citation, ...]:
    return (one.citation, one.context) if one.context else (one.citation,)


def verified_share(requirements: Sequence[Requirement], documents: Sequence[OpenDocument]) -> float:
    """The share of citations that their document bears out, verbatim; 1.0 where nothing is cited."""
    by_id = {document.id: document for document in documents}
    cited = [cited for one in requirements for cited in _cited(one)]
    good = sum(1 for one in cited if one.document_id in by_id and citation_holds(one, by_id[one.document_id]))
    return good / len(cited) if cited else 1.0
