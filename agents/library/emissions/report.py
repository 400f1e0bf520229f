"""The report of an emissions project, at the end and on the way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.library.emissions.categories import CATEGORIES, UPSTREAM
from agents.library.emissions.combining import in_tonnes
from agents.library.emissions.values import FLAGS, QUALITY, REASONS, Flag, Method, Reason, tonnes
from agents.reporting import Cell, Facts, ReportContent, Section, Table, Text

TITLE = "Scope 3 emissions"
METHODS_TEXT = (
    "Each row is calculated by the best of its data: the supplier's own figures, else an amount of an activity times "
    "its factor, else a spend times the factor of its industry. Figures are whole milligrams of CO2e, each rounded "
    "once, half to even, from an exact product; sums are exact.\n\n"
    "Spend is converted to US dollars of 2022 by the yearly average; prices of other years are not deflated. Factors "
    "of another region than the supplier's are used where there is none of its own, and flagged."
)


def build_report(
    results: Mapping[str, Any],
    states: Mapping[str, str],
    *,
    usage: Mapping[str, Mapping[str, float]] | None = None,
) -> ReportContent:
    """The report from the steps' results and states by step key; steps that have not run may be missing.
    ``usage`` of language models there is none: nothing here asks one.

    Data: ``tonnes``, ``totals``, ``categories``, ``regions``, ``methods``, ``quality``, ``suppliers``, ``set_aside``,
    ``outliers``, ``factors``, ``documents``, ``digests``, ``steps``.
    """
    collected = results.get("collect") or {}
    combined = results.get("combine") or {}
    factors = (results.get("report") or {}).get("factors") or ()
    sections: list[Section] = [_summary(collected, combined, states), _documents(collected)]
    if combined:
        sections += _totals(combined)
        sections += [_top(combined), *_aside(combined), *_standing_out(combined), _factors(combined, factors)]
        sections.append(Text("How it was calculated", METHODS_TEXT))
    return ReportContent(TITLE, tuple(sections), _data(collected, combined, factors, states))


def _summary(collected: Mapping[str, Any], combined: Mapping[str, Any], states: Mapping[str, str]) -> Facts:
    facts: list[tuple[str, Cell]] = [
        ("State", _how_far(states)),
        ("Rows", collected.get("rows", 0)),
        ("Factors known", (collected.get("factors") or {}).get("count", 0)),
    ]
    if combined:
        facts += [
            ("Tonnes CO2e", tonnes(combined["milligrams"])),
            ("Suppliers", combined["suppliers"]),
            ("Rows calculated", combined["computed"]),
            ("Rows set aside", combined["set_aside"]),
            ("Root of all digests", combined["root"]),
            ("Digest of the factors", (collected.get("factors") or {}).get("digest", "")),
            ("Calculation", collected.get("calculation", "")),
        ]
    return Facts("Summary", tuple(facts))


def _how_far(states: Mapping[str, str]) -> str:
    done = sum(1 for state in states.values() if state in ("completed", "skipped"))
    return "complete" if states and done == len(states) else f"{done} of {len(states)} steps done"


def _documents(collected: Mapping[str, Any]) -> Table:
    rows = tuple(
        (one["name"], one["kind"], one["rows"], one["decimal_mark"], ", ".join(one["header"]["ignored"]), one["sha256"])
        for one in collected.get("documents", ())
    )
    return Table("Documents", ("Name", "Kind", "Rows", "Decimal mark", "Columns not read", "SHA-256"), rows)


def _totals(combined: Mapping[str, Any]) -> list[Section]:
    def category(key: str) -> str:
        return f"{key} {CATEGORIES[int(key)]}"

    streams: dict[str, list[int]] = {}
    for key, (milligrams, figures) in combined["by_category"].items():
        stream = streams.setdefault("upstream" if int(key) in UPSTREAM else "downstream", [0, 0])
        stream[0] += milligrams
        stream[1] += figures
    return [
        _sums("By category", "Category", combined["by_category"], combined, category),
        _sums("By scope", "Scope", {"Scope 3": [combined["milligrams"], combined["computed"]]}, combined, str),
        _sums("Upstream and downstream", "Part of scope 3", streams, combined, str),
        _sums("By region", "Region", combined["by_region"], combined, lambda key: key or "not given"),
        _sums("By method", "Method", combined["by_method"], combined, lambda key: Method(int(key)).label),
        _sums(
            "By data quality", "Quality", combined["by_quality"], combined, lambda key: f"{key}: {QUALITY[int(key)]}"
        ),
    ]


def _sums(
    title: str, head: str, sums: Mapping[str, Sequence[int]], combined: Mapping[str, Any], name: Callable[[str], str]
) -> Table:
    whole = combined["milligrams"] or 1
    rows = tuple(
        (name(key), in_tonnes(milligrams), f"{milligrams / whole:.1%}", figures)
        for key, (milligrams, figures) in sums.items()
    )
    return Table(title, (head, "Tonnes CO2e", "Share", "Rows"), rows)


def _top(combined: Mapping[str, Any]) -> Table:
    rows = tuple(
        (supplier, name, region, in_tonnes(milligrams), figures)
        for supplier, name, region, milligrams, figures in combined["top"]
    )
    return Table("Largest suppliers", ("Supplier", "Name", "Region", "Tonnes CO2e", "Rows"), rows)


def _aside(combined: Mapping[str, Any]) -> list[Section]:
    counted = Table(
        "Set aside, by reason",
        ("Reason", "Meaning", "Rows"),
        tuple((reason, REASONS[Reason(reason)], number) for reason, number in combined["reasons"].items()),
    )
    listed = combined["listed_set_aside"]
    title = "Set aside" + (f" (the first {len(listed)})" if len(listed) < combined["set_aside"] else "")
    rows = tuple(
        (document, line, supplier, column, reason, value)
        for document, _row, line, supplier, column, reason, value, _digest in listed
    )
    return [counted, Table(title, ("Document", "Line", "Supplier", "Column", "Reason", "Value"), rows)]


def _standing_out(combined: Mapping[str, Any]) -> list[Section]:
    flags = tuple((name, FLAGS[Flag[name.upper()]], number) for name, number in combined["flags"].items() if number)
    far = combined["outliers"]
    listed = tuple(
        (document, line, supplier, factor, in_tonnes(milligrams), times)
        for document, line, supplier, factor, milligrams, times in far["listed"][:50]
    )
    title = f"Far from others of their factor ({far['count']})"
    columns = ("Document", "Line", "Supplier", "Factor", "Tonnes CO2e", "Times the median")
    return [Table("Flags", ("Flag", "Meaning", "Rows"), flags), Table(title, columns, listed)]


def _factors(combined: Mapping[str, Any], factors: Sequence[Mapping[str, Any]]) -> Table:
    used = combined["by_factor"]
    rows = tuple(
        (
            one["factor_id"], one["name"], f"{one['kg_co2e']} kg CO2e/{one['per']}", one["region"], str(one["year"]),
            one["source"], one["licence"], in_tonnes(used[one["factor_id"]][0]), used[one["factor_id"]][1],
        )
        for one in factors
    )  # fmt: skip
    columns = ("Factor", "Name", "Value", "Region", "Year", "Source", "Licence", "Tonnes CO2e", "Rows")
    return Table("Factors used", columns, rows)


def _data(
    collected: Mapping[str, Any],
    combined: Mapping[str, Any],
    factors: Sequence[Mapping[str, Any]],
    states: Mapping[str, str],
) -> dict[str, Any]:
    if not combined:
        return {"documents": list(collected.get("documents", ())), "steps": dict(states)}
    names = ("rows_in", "computed", "set_aside", "suppliers", "milligrams")
    return {
        "tonnes": tonnes(combined["milligrams"]),
        "totals": {name: combined[name] for name in names},
        "categories": combined["by_category"],
        "regions": combined["by_region"],
        "methods": {Method(int(key)).label: value for key, value in combined["by_method"].items()},
        "quality": combined["by_quality"],
        "suppliers": combined["top"],
        "set_aside": {"reasons": combined["reasons"], "listed": combined["listed_set_aside"]},
        "outliers": combined["outliers"],
        "flags": combined["flags"],
        "factors": list(factors),
        "documents": list(collected.get("documents", ())),
        "digests": {"root": combined["root"], "factors": collected["factors"]["digest"]},
        "steps": dict(states),
    }
