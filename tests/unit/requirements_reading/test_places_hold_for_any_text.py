"""Whatever text is given, its clauses have exact places, come in order, and lose no word."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.library.requirements.reading import DocumentUnreadable, read_document
from agents.library.requirements.reading.flow import flow_of, fold
from agents.library.requirements.reading.sentences import sentence_spans
from tests.unit.requirements_reading.invariants import assert_clauses_hold

FRAGMENTS = st.sampled_from(
    [
        "The client MUST send it.",
        "The server shall:",
        "keep a log; and",
        "(a) first;",
        "(b) second.",
        "(i) inner",
        "1. One",
        "2. Two",
        "3.1 Heading words",
        "Article 5",
        "§ 147 Aufbewahrung",
        "CHAPTER I",
        "REQ-001: It shall run.",
        "- item",
        "o  item of an RFC",
        "client_id",
        "      REQUIRED.  The identifier",
        "e.g. this, i.e. that. And more. U.S. law",
        "Table of Contents",
        "1. Intro ........ 4",
        "+---+   +---+",
        "GET /path HTTP/1.1",
        "| a | b |",
        "|---|---|",
        "a\tb\tc",
        "'quoted, cell',PE",
        "Fach   Track   [Page 3]",
        "\f",
        "# Title",
        "```",
        "**bold** and `code`",
        "> quote",
        "[x]: http://example.org",
        "=====",
        "",
        "lower case words that go on and on until the margin is reached somewhere",
        "„Zitat. Ende.“ Danach.",
        "注: 规范。下一句。",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.builds(
        lambda lines, end: end.join(lines),
        st.lists(st.builds(lambda pad, line: " " * pad + line, st.integers(0, 9), FRAGMENTS), max_size=30),
        st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
    ),
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(TEXTS)
def test_any_plain_text(text: str) -> None:
    check(text, "any.txt", strict=True)


@QUICK
@given(TEXTS)
def test_any_markdown(text: str) -> None:
    check(text, "any.md", strict=False)


@QUICK
@given(TEXTS)
def test_any_text_as_html(text: str) -> None:
    check(f"<html><body><p>{text}</p><ul><li>{text}</ul><table><tr><td>(a)<td>{text}</table>", "any.html", strict=False)


def check(text: str, name: str, *, strict: bool) -> None:
    try:
        content = text.encode()
        document = read_document(content, name=name)
    except (DocumentUnreadable, UnicodeEncodeError):
        return
    assert_clauses_hold(document, strict=strict)
    assert read_document(content, name=name) == document


@QUICK
@given(st.text(alphabet="ab .!?()\"'\n,A1", max_size=200))
def test_sentences_cover_a_passage_in_order(passage: str) -> None:
    spans = list(sentence_spans(passage))
    assert spans == sorted(spans)
    assert fold(" ".join(passage[start:end] for start, end in spans)).replace(" ", "") == fold(passage).replace(" ", "")
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


@QUICK
@given(st.text(alphabet="ab \n", min_size=1, max_size=60), st.data())
def test_a_flow_leads_back_to_its_places(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [(first, second) for first, second in zip(cuts[::2], cuts[1::2], strict=False) if second > first]
    flow = flow_of(text, pieces)
    for offset, letter in enumerate(flow.text):
        if offset not in {start - 1 for start in flow.offsets[1:]}:
            assert text[flow.place(offset)] == letter
    kept = "".join(text[start:end] for start, end in flow.slices(0, len(flow.text)))
    assert kept == "".join(text[start:end] for start, end in pieces)


@pytest.mark.skipif("PHASEGATE_SAMPLE_TEXTS" not in os.environ, reason="names a folder of real texts to try")
def test_real_texts_keep_their_places() -> None:
    for path in sorted(Path(os.environ["PHASEGATE_SAMPLE_TEXTS"]).iterdir()):
        document = read_document(path.read_bytes(), name=path.name)
        assert_clauses_hold(document, strict=path.suffix == ".txt")
