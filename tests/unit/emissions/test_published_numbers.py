"""Figures that publications state themselves: each is met from another figure of the same publication.

The flat file of the UK's factors for 2025 gives each vehicle factor by kilometre and by mile, and the sum beside its
gases; the US supply chain factors give the parts of each sum; eGRID gives gases by pound and megawatt hour.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from fractions import Fraction

import pytest

from agents.library.emissions.currencies import rates
from agents.library.emissions.factors import FILE, built_in
from agents.library.emissions.units import convert, unit_of
from tests.unit.emissions.calculated import figures


def kg(row: str) -> Fraction:
    (figure,) = figures(f"supplier_id,activity,amount,unit,country,spend,currency,naics\nS,{row}\n".encode())
    return Fraction(figure.milligrams, 1_000_000)


@pytest.mark.parametrize(
    ("row", "published"),
    [
        # flat file 2025, 27_304_3140_9_1: 1.43425 kg CO2e a mile, met from 0.89121 a kilometre
        ("freight.hgv_distance,1,mi,GB,,,", "1.43425"),
        # 17_404_4005_10_1: 191.30156 kg CO2e a million litres, met from 0.1913 a cubic metre
        ("water.supply,1,million litres,GB,,,", "191.30156"),
        # 27_304_3140_14_1: CO2 0.10012, CH4 0.00002, N2O 0.00149
        ("freight.hgv,1,tkm,GB,,,", "0.10163"),
        # 27_315_3151_14_1: CO2 0.02749, CH4 0.00002, N2O 0.00028
        ("freight.rail,1,tkm,GB,,,", "0.02779"),
        # 19_504_5116_15_1 by tonne, asked by kilogram
        ("steel,1000,kg,GB,,,", "2863.90131"),
        # US EPA v1.3, 331110: 0.769 without margins and 0.018 margins a dollar
        (",,,US,1,USD,331110", "0.787"),
        # 327310: 3.846 and 0.078
        (",,,US,1000,USD,327310", "3924"),
    ],
)
def test_a_published_figure_is_met(row: str, published: str) -> None:
    assert float(kg(row)) == pytest.approx(float(published), rel=1e-5)


def test_gases_by_pound_and_megawatt_hour_give_the_us_grid() -> None:
    # US EPA, Emission Factors Hub 2024, table 6 (US average) and table 11 (AR5)
    pounds = Decimal("823.149") + Decimal("0.066") * 28 + Decimal("0.009") * 265
    assert float(kg("electricity,1,MWh,US,,,")) == pytest.approx(float(pounds * Decimal("0.45359237")), abs=1e-3)


def test_a_short_ton_of_waste_gives_what_the_table_says() -> None:
    # US EPA, Emission Factors Hub 2024, table 9: mixed MSW landfilled 0.58 t CO2e a short ton
    assert float(kg("waste to landfill,1,short ton,US,,,")) == pytest.approx(580, abs=1e-3)


def test_a_spend_is_divided_by_the_yearly_average_of_its_currency() -> None:
    # US IRS 2022: 0.951 euros a dollar
    assert rates()["EUR"] == Fraction("0.951")
    assert float(kg(",,,DE,951,EUR,331110")) == pytest.approx(787, abs=1e-6)


def test_every_built_in_factor_says_where_it_was_published_and_found() -> None:
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(built_in().factors) > 300
    for row in rows:
        assert row["source"], row
        assert row["licence"] in ("OGL-UK-3.0", "US-PD", "CC-BY-4.0")
        assert row["found_in"].startswith("github.com/")


@pytest.mark.parametrize(
    ("amount", "unit", "into", "expected"),
    [
        (1, "lb", "kg", "0.45359237"),  # international avoirdupois pound, exact
        (1, "short ton", "kg", "907.18474"),
        (1, "long ton", "kg", "1016.0469088"),
        (1, "mile", "km", "1.609344"),  # international mile, exact
        (1, "nautical mile", "km", "1.852"),
        (3600, "MJ", "kWh", "1000"),
        (1, "US gallon", "l", "3.785411784"),
        (1, "imperial gallon", "l", "4.54609"),
        (1, "bbl", "US gallon", "42"),
        (1, "m³", "l", "1000"),
        (1, "tonne.km", "kg km", "1000"),
    ],
)
def test_units_convert_as_they_are_defined(amount: int, unit: str, into: str, expected: str) -> None:
    one, other = unit_of(unit), unit_of(into)
    assert one is not None
    assert other is not None
    assert convert(Fraction(amount), one, other) == Fraction(expected)
