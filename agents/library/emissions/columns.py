"""A slice's figures as compact JSON: columns side by side, digests packed, factors by a number into a short list."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.library.emissions.calculating import Figures
from agents.library.emissions.errors import ResultsDisagree
from agents.library.emissions.factors import FactorTable
from agents.library.emissions.values import Method, SetAside

FORMAT = "phasegate.emissions.chunk/1"
_DIGEST = 32
_PLAIN = ("rows", "lines", "suppliers", "names", "regions", "categories", "methods", "qualities", "flags", "milligrams")
OWN = "supplier-specific"
"""In place of a factor's id where the row brought its own figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a result, as it is looked up: emissions in milligrams, digest in hexadecimal."""

    document: int
    row: int
    line: int
    supplier: str
    name: str
    region: str
    category: int
    method: Method
    factor_id: str
    quality: int
    flags: int
    milligrams: int
    digest: str


def pack(figures: Figures, table: FactorTable, document: int, first: int, rows: int) -> dict[str, Any]:
    """The result of a chunk."""
    used = sorted(set(figures.factors))
    places = {factor: place for place, factor in enumerate(used)}
    return {
        "format": FORMAT,
        "document": document,
        "first": first,
        "count": rows,
        "computed": len(figures.rows),
        "factor_ids": [OWN if factor < 0 else table.factors[factor].factor_id for factor in used],
        "factors": [places[factor] for factor in figures.factors],
        **{name: getattr(figures, name) for name in _PLAIN if name != "names"},
        "names": figures.names if figures.names != figures.suppliers else [],
        "digests": _packed(figures.digests),
        "set_aside": [each.to_json() for each in figures.set_aside],
        "set_aside_digests": _packed(figures.set_aside_digests),
    }


def digests_of(chunk: Mapping[str, Any]) -> list[bytes]:
    """All digests of a chunk: those of its figures, then those of rows set aside."""
    return [*_unpacked(chunk["digests"]), *_unpacked(chunk["set_aside_digests"])]


def set_aside_of(chunk: Mapping[str, Any]) -> list[SetAside]:
    """The rows of a chunk that were set aside."""
    return [SetAside.from_json(each) for each in chunk["set_aside"]]


def figures_of(chunk: Mapping[str, Any], supplier: str | None = None) -> Iterator[Figure]:
    """The figures of a chunk, or those of one supplier, by id or by name."""
    suppliers: list[str] = chunk["suppliers"]
    names: list[str] = chunk["names"] or suppliers
    wanted = range(len(suppliers))
    places: Iterable[int] = (
        wanted if supplier is None else [each for each in wanted if supplier in (suppliers[each], names[each])]
    )
    packed = base64.b64decode(chunk["digests"])
    for place in places:
        yield Figure(
            document=chunk["document"],
            row=chunk["rows"][place],
            line=chunk["lines"][place],
            supplier=suppliers[place],
            name=names[place],
            region=chunk["regions"][place],
            category=chunk["categories"][place],
            method=Method(chunk["methods"][place]),
            factor_id=chunk["factor_ids"][chunk["factors"][place]],
            quality=chunk["qualities"][place],
            flags=chunk["flags"][place],
            milligrams=chunk["milligrams"][place],
            digest=packed[place * _DIGEST : (place + 1) * _DIGEST].hex(),
        )


def check(chunk: Mapping[str, Any]) -> None:
    """Raises ``ResultsDisagree`` where a chunk's columns are not of one length, or its rows not all accounted for."""
    sizes = {name: len(chunk[name]) for name in (*_PLAIN, "factors") if name != "names"}
    sizes["digests"] = len(_unpacked(chunk["digests"]))
    where = f"chunk of document {chunk['document']}, rows from {chunk['first']}"
    if set(sizes.values()) != {chunk["computed"]}:
        raise ResultsDisagree(f"The columns of the {where} are not of one length: {sizes}.")
    aside = [each.row for each in set_aside_of(chunk)]
    if sorted([*chunk["rows"], *aside]) != list(range(chunk["first"], chunk["first"] + chunk["count"])):
        raise ResultsDisagree(f"The {where} does not account for each of its rows once.")
    if len(_unpacked(chunk["set_aside_digests"])) != len(aside):
        raise ResultsDisagree(f"The {where} lacks digests of rows that were set aside.")


def _packed(digests: list[bytes]) -> str:
    return base64.b64encode(b"".join(digests)).decode()


def _unpacked(text: str) -> list[bytes]:
    packed = base64.b64decode(text)
    return [packed[place : place + _DIGEST] for place in range(0, len(packed), _DIGEST)]
