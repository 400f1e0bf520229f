"""What rows may look like, and why some are set aside: each with its line, its column and what stands there."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.library.emissions.categories import category_of
from agents.library.emissions.errors import FactorsUnusable, TableUnusable
from agents.library.emissions.factors import NEEDED, read_factors
from agents.library.emissions.reading import open_table
from agents.library.emissions.values import Flag, Method
from tests.unit.emissions.calculated import combined, figures, set_aside

HEAD = "supplier_id,category,activity,amount,unit,spend,currency,naics,country,supplier_factor,supplier_factor_unit"


def table(*rows: str) -> bytes:
    return "\n".join([HEAD, *rows, ""]).encode()


@pytest.mark.parametrize(
    ("row", "reason", "column", "value"),
    [
        (",1,steel,1,kg,,,,,,", "supplier_missing", "supplier", ""),
        ("A,17,steel,1,kg,,,,,,", "category_unknown", "category", "17"),
        ("A,1,steel,-1,kg,,,,,,", "negative", "amount", "-1"),
        ("A,1,steel,1,kg,-5,EUR,331110,,,", "negative", "spend", "-5"),
        ("A,1,steel,some,kg,,,,,,", "number_unreadable", "amount", "some"),
        ("A,1,steel,1234567890123456789,kg,,,,,,", "number_unreadable", "amount", "1234567890123456789"),
        ("A,1,steel,,kg,,,,,,", "amount_missing", "amount", ""),
        ("A,1,unobtainium,1,kg,,,,,,", "activity_unknown", "activity", "unobtainium"),
        ("A,1,,1,kg,,,,,,", "activity_unknown", "activity", ""),
        ("A,1,steel,1,,,,,,,", "unit_missing", "unit", ""),
        ("A,1,steel,1,ton,,,,,,", "unit_unknown", "unit", "ton"),
        ("A,1,steel,1,km,,,,,,", "unit_mismatch", "unit", "km"),
        ("A,1,,,,100,EUR,,,,", "naics_missing", "naics", ""),
        ("A,1,,,,100,EUR,999999,,,", "naics_unknown", "naics", "999999"),
        ("A,1,,,,100,,331110,,,", "currency_missing", "currency", ""),
        ("A,1,,,,100,¥,331110,,,", "currency_unknown", "currency", "¥"),
        ("A,1,,,,,,,,,", "nothing_to_calculate", "", ""),
        ("A,1,steel", "columns", "", "A,1,steel"),
        ("A,1,ste\x07el,1,kg,,,,,,", "control_character", "activity", "ste\x07el"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line_column_and_value(row: str, reason: str, column: str, value: str) -> None:
    found = set_aside(table("Z,1,paper,1,t,,,,,,", row))

    (aside,) = found
    assert (aside.line, aside.row, aside.reason, aside.column, aside.value) == (3, 2, reason, column, value)


def test_rows_in_are_rows_calculated_and_rows_set_aside() -> None:
    told = combined(
        table("A,1,steel,1,kg,,,,,,", "B,1,steel,x,kg,,,,,,", "C", "A,1,steel,1,kg,,,,,,", "", "D,,bus,5,pkm,,,,,,")
    )

    assert (told["rows_in"], told["computed"], told["set_aside"]) == (5, 2, 3)
    assert told["reasons"] == {"columns": 1, "duplicate": 1, "number_unreadable": 1}


def test_a_repeated_row_names_the_line_of_the_first_whatever_chunk_it_is_in() -> None:
    rows = [f"S{n},1,steel,{n},kg,,,,,," for n in range(20)]
    (aside,) = set_aside(table(*rows, "S3 , 1,steel,3,kg,,,,,,"), size=6)

    assert (aside.line, aside.value) == (22, "line 5")


def test_a_quoted_cell_may_hold_line_ends_and_lines_are_those_of_the_file() -> None:
    content = b'supplier_id,supplier_name,activity,amount,unit\nA,"One\nTwo",steel,1,kg\n\n\nB,"x ""y""",steel,no,kg\n'
    (figure,) = figures(content)
    (aside,) = set_aside(content)

    assert (figure.name, figure.line) == ("One\nTwo", 2)
    assert (aside.line, aside.value) == (6, "no")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_encodings_are_read(encoding: str) -> None:
    (figure,) = figures("Lieferant;Aktivität;Menge;Einheit\nMüller;steel;1,5;t\n".encode(encoding))

    assert (figure.supplier, figure.milligrams) == ("Müller", 4_295_851_965)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Vendor No.;Material;Qty;UoM", "A;steel;1000;kg"),
        ("SUPPLIER_ID\tactivity_type\tQuantity (kg)", "A\tsteel\t1000"),
        ("lieferantennummer|Produkt|Menge|Mengeneinheit", "A|stahl|1|t"),
        ("Supplier name,activity,amount_t", "A,Steel,1"),
        ("unit,amount,Supplier Code,note,ACTIVITY", "t,1,A,irrelevant,material.steel"),
    ],
)
def test_headers_are_known_by_many_names_and_orders(head: str, row: str) -> None:
    (figure,) = figures(f"{head}\n{row}\n".encode())
    assert (figure.supplier, figure.milligrams) == ("A", 2_863_901_310)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (("1.234,5", "2,25"), (1_234_500, 2_250)),
        (("1,234.5", "2.25"), (1_234_500, 2_250)),
        (("1 234,5", "0,5"), (1_234_500, 500)),
        (("1'234.5", "1e3"), (1_234_500, 1_000_000)),
        (("1234", "+7"), (1_234_000, 7_000)),
    ],
)
def test_numbers_are_read_by_the_decimal_mark_of_the_table(numbers: tuple[str, str], expected: tuple[int, int]) -> None:
    content = "supplier_id;activity;amount;unit\n" + "".join(f"S{n};gas.co2;{n};g\n" for n in numbers)
    assert tuple(figure.milligrams for figure in figures(content.encode())) == expected


def test_a_number_with_more_than_nine_decimals_is_rounded_and_flagged() -> None:
    (figure,) = figures(table("A,1,gas.co2,0.12345678949,kg,,,,,,"))
    assert figure.milligrams == 123_457
    assert figure.flags & Flag.ROUNDED


def test_the_suppliers_own_figures_come_before_activity_and_activity_before_spend() -> None:
    rows = table(
        "A,1,steel,1,t,500,EUR,331110,DE,2.5,kg CO2e/kg",
        "B,1,steel,1,t,500,EUR,331110,DE,,",
        "C,1,,,,500,EUR,331110,DE,,",
    )
    assert [(each.method, each.quality) for each in figures(rows)] == [
        (Method.SUPPLIER, 1),
        (Method.ACTIVITY, 3),
        (Method.SPEND, 5),
    ]


def test_what_cannot_be_used_gives_way_to_what_can_and_says_so() -> None:
    (figure,) = figures(table("A,1,unobtainium,1,t,500,USD,331110,US,,"))
    assert (figure.method, figure.flags & Flag.FELL_BACK, figure.quality) == (Method.SPEND, Flag.FELL_BACK, 5)


def test_a_suppliers_factor_in_a_wrong_unit_gives_way_to_the_activity() -> None:
    (figure,) = figures(table("A,1,steel,1,kg,,,,,2,kg CO2/km"))
    assert (figure.method, figure.flags & Flag.FELL_BACK) == (Method.ACTIVITY, Flag.FELL_BACK)


def test_reported_emissions_are_taken_as_they_are() -> None:
    (figure,) = figures(b"supplier,tCO2e\nA,12.5\n")
    assert (figure.method, figure.milligrams) == (Method.SUPPLIER, 12_500_000_000)


def test_a_currency_as_unit_makes_the_amount_a_spend() -> None:
    (figure,) = figures(b"supplier,amount,unit,naics\nA,1000,EUR,331110\n")
    assert figure.method is Method.SPEND


def test_a_factor_of_the_region_stands_before_one_of_another() -> None:
    rows = table("A,4,road freight,1,tkm,,,,US,,", "B,4,road freight,1,tkm,,,,GB,,", "C,8,electricity,1,kWh,,,,XX,,")
    assert [each.factor_id for each in figures(rows)] == ["freight.hgv.US", "freight.hgv", "energy.electricity.GLO"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1), ("3", 3), ("3.1", 1), ("3.15", 15), ("Cat. 4", 4), ("category 12", 12), ("Scope 3 Category 6", 6),
        ("6 - Business travel", 6), ("Purchased goods and services", 1), ("business TRAVEL", 6), ("1.0", 1), ("C7", 7),
        ("0", None), ("16", None), ("31", None), ("scope 1", None), ("steel", None),
    ],
)  # fmt: skip
def test_categories_are_known_by_number_and_name(text: str, number: int | None) -> None:
    assert category_of(text) == number


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"supplier_id,amount\n", "no row below"),
        (b"thing,amount\nx,1\n", "no column names the supplier"),
        (b"supplier_id,unit\nx,kg\n", "no column gives an amount"),
        (b"supplier_id,amount,Quantity\nx,1,2\n", "both say amount"),
        (b'supplier_id,amount\n"x,1\ny,2\n', "quotation mark"),
        (b"PAR1 is no table", "damaged"),
        (b"\x00\x01\x02", "not a text file"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_the_reason(content: bytes, says: str) -> None:
    with pytest.raises(TableUnusable, match=says):
        open_table(content, "s.csv")


def test_parquet_of_any_types_is_read_exactly() -> None:
    arrow = pa.table(
        {
            "supplier_id": pa.array([1, 2, 3, 4]),
            "activity": pa.array(["steel"] * 4).dictionary_encode(),
            "amount": pa.array([Decimal("1.5"), Decimal("2"), None, Decimal("0.1")], pa.decimal128(12, 3)),
            "unit": ["t", "t", "t", "kg"],
            "when": [date(2025, 1, 1)] * 4,
        }
    )
    out = io.BytesIO()
    pq.write_table(arrow, out)
    assert [each.milligrams for each in figures(out.getvalue(), name="s.parquet")] == [
        4_295_851_965,
        5_727_802_620,
        286_390,
    ]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("kind", "guess", "must be activity or spend"),
        ("kg_co2e", "1,5", "must be a decimal"),
        ("kg_co2e", "-1", "not negative"),
        ("kg_co2e", "1/3", "not negative"),
        ("per", "bushel", "must be a known unit"),
        ("categories", "1 16", "numbers from 1 to 15"),
        ("year", "soon", "must be a year"),
        ("region", "Germany", "two letters"),
        ("source", "", "must say something"),
        ("licence", "", "must say something"),
    ],
)
def test_a_file_of_factors_that_breaks_its_schema_is_refused_by_line_and_column(
    column: str, value: str, says: str
) -> None:
    good = dict(
        zip(
            NEEDED, ("a", "activity", "steel", "", "Steel", "1.5", "kg", "1", "GLO", "2025", "Mill", "own"), strict=True
        )
    )
    row = ",".join(f'"{cell}"' for cell in (good | {column: value}).values())
    with pytest.raises(FactorsUnusable, match=rf"f.csv:2: {column} .*{says}"):
        read_factors(f"{','.join(NEEDED)}\n{row}\n".encode(), "f.csv")


def test_a_figure_far_from_the_others_of_its_factor_is_listed_and_counted_all_the_same() -> None:
    rows = [f"S{n},1,steel,{1000 + n},kg,,,,,," for n in range(40)]
    told = combined(table(*rows, "X,1,steel,900000000,kg,,,,,,"))

    assert told["computed"] == 41
    assert told["outliers"]["count"] == 1
    assert told["outliers"]["listed"][0][2] == "X"
