"""Any table: every row counts once, sums are conserved, and the root knows neither order nor cutting."""

from __future__ import annotations

import random
from fractions import Fraction

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.library.emissions.columns import digests_of, figures_of
from agents.library.emissions.factors import built_in
from agents.library.emissions.numbers import SCALE, Read, parse
from agents.library.emissions.provenance import climb, path_of, root_of
from agents.library.emissions.units import UNITS, convert
from agents.library.emissions.values import rounded, tonnes
from agents.library.emissions.verifying import contradictions
from tests.unit.emissions.calculated import chunks_of, combined
from tests.unit.emissions.making_suppliers import HEADER, as_csv, suppliers
from tests.unit.emissions.plain import by_hand

CELL = st.one_of(
    st.sampled_from(
        ["", "steel", "kg", "t", "1", "-3", "1,5", "2.5", "EUR", "331110", "DE", "road freight", "tkm", "x"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters='"\x00'), max_size=6),
)
ROWS = st.lists(st.lists(CELL, min_size=len(HEADER), max_size=len(HEADER)), min_size=1, max_size=25)
COUNT = st.integers(1, 120)
SEED = st.integers(0, 10_000)
DIGESTS = st.lists(st.binary(min_size=32, max_size=32), max_size=40)


def csv_of(rows: list[list[str]]) -> bytes:
    quoted = ",".join(HEADER) + "\n" + "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    return quoted.encode("utf-8", "replace")


@settings(max_examples=150, deadline=None)
@given(ROWS, st.integers(1, 9))
def test_every_row_of_any_table_is_calculated_or_set_aside(rows: list[list[str]], size: int) -> None:
    results, parts = chunks_of(csv_of(rows), size=size)
    told = combined(csv_of(rows), size=size)

    assert told["rows_in"] == told["rows_laid_out"] == len(rows) == told["computed"] + told["set_aside"]
    assert contradictions(results, told) == []
    assert sum(part["rows"] for part in parts) == len(rows)


@settings(max_examples=40, deadline=None)
@given(COUNT, SEED, st.integers(1, 50), st.randoms(use_true_random=False))
def test_the_root_and_the_totals_know_neither_the_order_of_rows_nor_the_cutting(
    count: int, seed: int, size: int, rng: random.Random
) -> None:
    rows = suppliers(count, seed, bad=0.1)
    once = combined(as_csv(rows))
    rng.shuffle(rows)
    again = combined(as_csv(rows), size=size)

    for name in ("root", "milligrams", "computed", "set_aside", "by_category", "by_method", "by_factor", "reasons"):
        assert again[name] == once[name]


@settings(max_examples=40, deadline=None)
@given(COUNT, SEED)
def test_it_agrees_with_the_calculation_by_hand(count: int, seed: int) -> None:
    content = as_csv(suppliers(count, seed, bad=0.1))
    by_row, aside, digests = by_hand(content, built_in())
    results, _ = chunks_of(content, size=17)
    found = {figure.row: figure for chunk in results for figure in figures_of(chunk)}

    assert {row: figure.milligrams for row, figure in found.items()} == by_row
    assert {bytes.fromhex(figure.digest) for figure in found.values()} == set(digests)
    assert len(aside) == count - len(found)


@given(COUNT, SEED, st.data())
@settings(max_examples=25, deadline=None)
def test_any_change_of_a_figure_changes_the_root_or_is_contradicted(count: int, seed: int, data: st.DataObject) -> None:
    content = as_csv(suppliers(count, seed, bad=0))
    results, _ = chunks_of(content)
    told = combined(content)
    places = range(len(results[0]["milligrams"]))
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    results[0]["milligrams"][place] += data.draw(st.sampled_from([-1, 1, 10**9]))

    assert contradictions(results, told)


@given(DIGESTS, st.randoms(use_true_random=False))
def test_the_root_is_of_the_set_of_digests_and_every_path_leads_to_it(digests: list[bytes], rng: random.Random) -> None:
    root = root_of(digests)
    shuffled = list(digests)
    rng.shuffle(shuffled)

    assert root_of(shuffled) == root
    assert all(climb(each, path_of(shuffled, each)) == root for each in digests)
    if digests:
        assert root_of(digests[1:]) != root


@given(st.fractions(), st.sampled_from(sorted(UNITS)), st.data())
def test_a_quantity_comes_back_from_any_unit_exactly(value: Fraction, name: str, data: st.DataObject) -> None:
    same = sorted(other for other, unit in UNITS.items() if unit.dimension == UNITS[name].dimension)
    other = UNITS[data.draw(st.sampled_from(same))]

    assert convert(convert(value, UNITS[name], other), other, UNITS[name]) == value


@given(st.decimals(min_value=0, max_value=10**17, places=9, allow_nan=False, allow_infinity=False))
def test_a_number_is_kept_exactly_with_either_decimal_mark(value: object) -> None:
    text = f"{value:f}"
    for mark in ".,":
        numbers = parse(pa.array([text.replace(".", mark), ""]), mark)
        assert numbers.values[0] == Fraction(text) * SCALE
        assert list(numbers.read) == [Read.NUMBER, Read.MISSING]


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_rounding_is_half_to_even_as_fractions_round(numerator: int, denominator: int) -> None:
    assert rounded(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(0, 10**20))
def test_tonnes_are_told_exactly(milligrams: int) -> None:
    assert Fraction(tonnes(milligrams)) == Fraction(milligrams, 10**9)


def test_digests_of_a_chunk_are_those_of_all_its_rows() -> None:
    results, parts = chunks_of(as_csv(suppliers(90, 1, bad=0.2)), size=30)
    assert [len(digests_of(chunk)) for chunk in results] == [part["rows"] for part in parts] == [30, 30, 30]


def test_the_same_table_gives_the_same_digests_as_ever() -> None:
    """Changing what a row comes to, or how it is told, must change ``values.VERSION``; then change this root."""
    assert combined(as_csv(suppliers(500, 42, bad=0.05)))["root"] == GOLDEN


GOLDEN = "27894347a0e10c0445a2152111f8d4e80b6fffb9e5faa222b40b5a3caed07bf8"
