"""Text of agents as people see it: nothing hidden, nothing reordered, nothing run."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_site.showing.visible import is_hidden, shown, shown_plainly
from projects.deciding.evidence import MOST_ROWS, lay_out


@pytest.mark.parametrize(
    "character",
    list("\u202e\u2066\u200b\u200d\ufeff\u00ad\x00\x1b\r\u2028\U000e0041\ue000\u3164\u2800\ufe0f"),
)
def test_what_cannot_be_seen_is_shown_by_its_code(character: str) -> None:
    assert is_hidden(character)
    assert f"U+{ord(character):04X}" in shown(f"a{character}b")
    assert character not in shown(f"a{character}b")
    assert shown_plainly(f"a{character}b") == f"a[U+{ord(character):04X}]b"


@pytest.mark.parametrize("text", ["Grüße", "日本語", "שלום", "مرحبا", "a\tb\nc", "5\u00a0%", "e\u0301", "✓ 🎉"])
def test_what_can_be_seen_is_left_alone(text: str) -> None:
    assert shown(text) == text == shown_plainly(text)


@given(st.text())
def test_any_text_is_escaped_and_holds_nothing_hidden(text: str) -> None:
    written = shown(text)
    assert not any(map(is_hidden, written))
    without_boxes = re.sub(r'<span class="code-point" title="[^"<>]*">U\+[0-9A-F]+</span>', "", written)
    assert not set("<>\"'") & set(without_boxes)
    assert html.unescape(without_boxes) == "".join(c for c in text if not is_hidden(c))
    assert not any(unicodedata.category(c) in ("Cf", "Cs", "Zl", "Zp") for c in shown_plainly(text))


def test_values_are_laid_out_by_their_shape() -> None:
    assert lay_out("x").kind == "text"
    assert [lay_out(value).text for value in (True, None, 3, "", [])] == ["yes", "—", "3", "—", "—"]
    assert lay_out(["a", "b"]).kind == "list"
    table = lay_out([{"name": "A", "price": 1}, {"name": "B"}])
    assert (table.kind, table.columns, [cell.text for cell in table.rows[1]]) == (
        "table",
        ("name", "price"),
        ["B", "—"],
    )
    assert lay_out([{"deep": {"x": 1}}, {"deep": {}}]).kind == "list"
    assert lay_out({"a": {"b": {"c": {"d": {"e": 1}}}}}).pairs[0][1].pairs[0][1].pairs[0][1].pairs[0][1].kind == "json"


def test_what_is_left_out_is_counted() -> None:
    for value in (["x"] * (MOST_ROWS + 3), [{"a": 1}] * (MOST_ROWS + 3), {str(n): n for n in range(MOST_ROWS + 3)}):
        assert lay_out(value).left_out == 3
