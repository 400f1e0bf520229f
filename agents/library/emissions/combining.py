"""All chunks together: totals that add up, the largest suppliers, what stands out, and the root of all digests."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.library.emissions.columns import check, digests_of, set_aside_of
from agents.library.emissions.provenance import root_of
from agents.library.emissions.values import FLAGS, MG_PER_TONNE

TOP = 50
LISTED = 500
"""So many rows set aside, and so many figures that stand out, are listed; all are counted, and kept with the chunks."""
_ENOUGH = 20
_FAR = 3.5


def combine(chunks: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The result of all chunks; ``expected`` are the chunks that were laid out.

    Raises ``ResultsDisagree`` where a chunk is not what it should be; whether all are there is told by ``rows_in`` and
    ``rows_laid_out``.
    """
    for chunk in chunks:
        check(chunk)
    aside = [(chunk["document"], each) for chunk in chunks for each in set_aside_of(chunk)]
    computed = sum(chunk["computed"] for chunk in chunks)
    return {
        "rows_laid_out": sum(chunk["rows"] for chunk in expected),
        "rows_in": sum(chunk["count"] for chunk in chunks),
        "computed": computed,
        "set_aside": len(aside),
        "share_set_aside": len(aside) / max(1, computed + len(aside)),
        "suppliers": len({supplier for chunk in chunks for supplier in chunk["suppliers"]}),
        "milligrams": sum(sum(chunk["milligrams"]) for chunk in chunks),
        "by_category": _by(chunks, "categories"),
        "by_method": _by(chunks, "methods"),
        "by_region": _by(chunks, "regions"),
        "by_quality": _by(chunks, "qualities"),
        "by_factor": _by_factor(chunks),
        "flags": _flags(chunks),
        "reasons": dict(sorted(Counter(each.reason.value for _, each in aside).items())),
        "top": _top(chunks),
        "listed_set_aside": [[document, *each.to_json()] for document, each in aside[:LISTED]],
        "outliers": outliers(chunks),
        "root": root_of([digest for chunk in chunks for digest in digests_of(chunk)]).hex(),
    }


def _by(chunks: Iterable[Mapping[str, Any]], column: str) -> dict[str, list[int]]:
    """Milligrams and figures by a column's values."""
    sums: dict[str, list[int]] = {}
    for chunk in chunks:
        _add(sums, map(str, chunk[column]), chunk["milligrams"])
    return dict(sorted(sums.items(), key=lambda each: (-each[1][0], each[0])))


def _by_factor(chunks: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    sums: dict[str, list[int]] = {}
    for chunk in chunks:
        ids = chunk["factor_ids"]
        _add(sums, (ids[place] for place in chunk["factors"]), chunk["milligrams"])
    return dict(sorted(sums.items(), key=lambda each: (-each[1][0], each[0])))


def _add(sums: dict[str, list[int]], keys: Iterable[str], values: Iterable[int]) -> None:
    for key, value in zip(keys, values, strict=True):
        known = sums.get(key)
        if known is None:
            sums[key] = [value, 1]
        else:
            known[0] += value
            known[1] += 1


def _flags(chunks: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counted = Counter(flags for chunk in chunks for flags in chunk["flags"])
    return {str(flag.name).lower(): sum(number for flags, number in counted.items() if flags & flag) for flag in FLAGS}


def _top(chunks: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """The largest suppliers: id, name, region, milligrams, figures."""
    sums: dict[str, list[int]] = {}
    said: dict[str, tuple[str, str]] = {}
    for chunk in chunks:
        suppliers = chunk["suppliers"]
        _add(sums, suppliers, chunk["milligrams"])
        for supplier, name, region in zip(suppliers, chunk["names"] or suppliers, chunk["regions"], strict=True):
            said.setdefault(supplier, (name, region))
    largest = heapq.nsmallest(TOP, sums.items(), key=lambda each: (-each[1][0], each[0]))
    return [[supplier, *said[supplier], *total] for supplier, total in largest]


def outliers(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures far from the others of their factor; they count all the same.

    By the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993), 0.6745 (x - median) / MAD
    beyond 3.5, on logarithms, for factors with twenty figures and more. The largest are listed: document, line,
    supplier, factor, milligrams, and how many times the median it is.
    """
    by_factor: dict[str, list[tuple[int, int, str, int]]] = {}
    for chunk in chunks:
        ids = chunk["factor_ids"]
        for factor, line, supplier, value in zip(
            chunk["factors"], chunk["lines"], chunk["suppliers"], chunk["milligrams"], strict=True
        ):
            if value > 0:
                by_factor.setdefault(ids[factor], []).append((chunk["document"], line, supplier, value))
    found: list[tuple[int, list[Any]]] = []
    for factor_id, figures in sorted(by_factor.items()):
        if len(figures) < _ENOUGH:
            continue
        logs = np.log10(np.array([value for *_, value in figures], dtype=np.float64))
        far, median = _far(logs)
        found += [
            (
                figures[place][3],
                [*figures[place][:3], factor_id, figures[place][3], float(f"{10 ** (logs[place] - median):.4g}")],
            )
            for place in np.flatnonzero(far)
        ]
    largest = heapq.nsmallest(LISTED, found, key=lambda each: (-each[0], each[1][:2]))
    return {"count": len(found), "listed": [row for _, row in largest]}


def _far(logs: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    median = float(np.median(logs))
    spread = float(np.median(np.abs(logs - median)))
    if spread == 0:
        return np.zeros(len(logs), dtype=np.bool_), median
    return np.abs(0.6745 * (logs - median) / spread) > _FAR, median


def in_tonnes(milligrams: int) -> float:
    """For people and expressions; sums are made of milligrams."""
    return round(milligrams / MG_PER_TONNE, 6)
