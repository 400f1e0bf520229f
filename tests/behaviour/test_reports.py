"""Reports of projects: what they tell, at the end and on the way, and that text of documents stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from agents.library.reports import REPORTS
from agents.reporting import Facts, Items, ReportContent, Table, Text
from orchestrator_site.access.actors import system_actor
from orchestrator_site.showing.visible import visible
from projects.models.approval import Verdict
from projects.reports import FORMATS, build, render_report
from projects.reports.comparing import NotComparable, compare_projects
from projects.reports.formats import ReportFormatUnknown
from projects.reports.render_html import article
from projects.reports.render_markdown import escape
from projects.reports.render_text import content_as_text, render_text
from projects.services import approvals
from tests.builders import agent_that, approver, drive, open_approval, project_of

pytestmark = pytest.mark.django_db

TWO_PHASES = """
report: under-test
phases:
  - key: look
    title: Look around
    steps:
      - {key: list, agent: lister}
      - {key: each, agent: echo, needs: [list], for_each: results.list, params: {say: "${item}"}}
    gate:
      approval: {title: "Is it right?", approvers: {groups: [readers]}, on_reject: rework}
      max_iterations: 3
  - key: tell
    title: Tell
    steps:
      - {key: told, agent: echo, params: {say: done}}
"""

NASTY = '<script>alert("x")</script> | **bold** [link](javascript:alert(1)) `code` \u202egnp.exe \x1b[31mred\x07 &amp;'


@pytest.fixture(autouse=True)
def agents() -> Iterator[None]:
    """Agents of the blueprint, and a report that shows what it was given."""
    agent_that(lambda context: ["a", "b", "c"], "lister")
    agent_that(lambda context: context.params["say"], "echo")
    REPORTS["under-test"] = lambda results, states: ReportContent(
        "Under test",
        (Text("Seen", json.dumps(results, sort_keys=True)),),
        {"results": dict(results), "states": dict(states)},
    )
    yield
    del REPORTS["under-test"]


def content(*sections: Any) -> ReportContent:
    return ReportContent("Nasty", sections)


def nasty_report() -> ReportContent:
    """The same unfriendly text in every place that a report has."""
    return content(
        Facts(NASTY, ((NASTY, NASTY),)),
        Table(NASTY, (NASTY, "b"), ((NASTY, 1), ("line\nbreak", 2.5))),
        Text("t", f"{NASTY}\n\n# no heading\n\n1. no list\n\n- no list"),
        Items("i", (NASTY,)),
    )


def finished() -> Any:
    project = drive(project_of(TWO_PHASES, intent="Look closely", documents=[]))
    approvals.decide(
        approval_id=open_approval(project).pk,
        user=approver("rita", "readers"),
        verdict=Verdict.APPROVE,
        comment="Looks right",
        via="test",
    )
    return drive(project)


def test_a_report_tells_state_phases_who_decided_and_what_came_of_it() -> None:
    project = finished()

    told = json.loads(render_report(project, "json"))

    assert told["format"] == "phasegate.report/1"
    assert told["project"]["state"] == "completed"
    assert told["project"]["intent"] == "Look closely"
    assert told["project"]["share"] == 1.0
    assert told["project"]["eta_seconds"] is None
    assert [(phase["title"], phase["state"], phase["done"], phase["total"]) for phase in told["phases"]] == [
        ("Look around", "completed", 4, 4),
        ("Tell", "completed", 1, 1),
    ]
    [asked] = told["approvals"]
    [decision] = asked["decisions"]
    assert (asked["title"], asked["state"]) == ("Is it right?", "approved")
    assert (decision["by"], decision["verdict"], decision["comment"]) == ("rita", "approve", "Looks right")
    assert decision["at"] is not None
    assert {used["agent"]: used["attempts"] for used in told["usage"]} == {"lister": 1, "echo": 4}
    assert told["report"]["data"]["results"] == {
        "list": ["a", "b", "c"],
        "each": ["a", "b", "c"],
        "told": "done",
    }
    assert set(told["report"]["data"]["states"].values()) == {"completed"}


def test_the_text_tells_the_same_to_people() -> None:
    text = render_report(finished(), "text")

    for expected in (
        "completed",
        "Look around",
        "4 of 4",
        "Is it right?",
        "rita (test)",
        "Looks right",
        "Look closely",
    ):
        assert expected in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_report_of_a_project_on_its_way_has_what_there_is_so_far() -> None:
    project = drive(project_of(TWO_PHASES), steps=2)

    told = build(project).to_json()

    assert told["project"]["state"] == "running"
    assert told["project"]["finished_at"] is None
    assert told["report"]["data"]["results"] == {"list": ["a", "b", "c"], "each": ["a", None, None]}
    assert told["report"]["data"]["states"] == {"list": "completed", "each": "waiting", "told": "pending"}
    assert "Left, as estimated" in render_report(project, "text")


def test_a_report_of_a_project_that_waits_for_people_says_for_whom() -> None:
    text = render_report(drive(project_of(TWO_PHASES)), "text")

    assert "waits for readers" in text
    assert "Waits for readers to decide 'Is it right?'" in text


def test_after_rework_the_results_of_the_latest_round_count() -> None:
    project = drive(project_of(TWO_PHASES))
    approvals.decide(
        approval_id=open_approval(project).pk,
        user=approver("rita", "readers"),
        verdict=Verdict.REJECT,
        comment="Once more",
        via="test",
    )
    agent_that(lambda context: ["z"], "lister")
    project = drive(project)

    told = build(project).to_json()

    assert told["report"]["data"]["results"] == {"list": ["z"], "each": ["z"]}
    assert told["phases"][0]["round"] == 2
    assert told["phases"][0]["sent_back_because"] == ["Once more"]
    assert [each["state"] for each in told["approvals"]] == ["rejected", "open"]


def test_steps_that_failed_are_told_with_the_reason() -> None:
    def fails(context: Any) -> Any:
        raise ValueError("the moon is in the wrong place")

    agent_that(fails, "lister")
    project = drive(project_of(TWO_PHASES.replace("agent: lister", "agent: lister, retry: {max_attempts: 1}")))

    [failed] = build(project).to_json()["failed_steps"]

    assert project.state == "failed"
    assert (failed["key"], failed["agent"], failed["attempts"]) == ("list", "lister", 1)
    assert "the moon is in the wrong place" in failed["message"]
    assert "the moon is in the wrong place" in render_report(project, "text")


def test_a_builder_that_cannot_read_the_results_does_not_hide_how_the_project_stands() -> None:
    def broken(results: Any, states: Any) -> ReportContent:
        raise KeyError("not there")

    REPORTS["under-test"] = broken

    text = render_report(finished(), "text")

    assert "completed" in text
    assert "could not be built" in text


def test_a_project_whose_blueprint_names_no_report_has_the_general_part() -> None:
    project = drive(project_of(TWO_PHASES.replace("report: under-test", "")))

    assert build(project).to_json()["report"] is None
    assert "Phases" in render_report(project, "markdown")


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(ReportFormatUnknown, match="text, json, markdown, html"):
        render_report(drive(project_of(TWO_PHASES)), "pdf")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_tells_title_state_and_results(name: str) -> None:
    project = finished()

    rendered = render_report(project, name)

    assert project.short_id in rendered or str(project.pk) in rendered
    assert "completed" in rendered


# --- text stays text --------------------------------------------------------------------------------


def nasty(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(REPORTS, "under-test", lambda results, states: nasty_report())
    return build(drive(project_of(TWO_PHASES, title=NASTY[:100], intent=NASTY)))


def test_html_escapes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    html = FORMATS["html"].render(nasty(monkeypatch))
    page = BeautifulSoup(html, "html.parser")

    assert page.find("script") is None
    assert page.find("style") is None
    assert page.find("a") is None
    assert not [tag for tag in page.find_all(True) for name in tag.attrs if name.startswith("on") or name == "style"]
    assert '<script>alert("x")</script>' in page.get_text()
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "[U+202E]" in page.get_text()


def test_html_can_be_read_by_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    page = BeautifulSoup(FORMATS["html"].render(nasty(monkeypatch)), "html.parser")

    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == 1
    assert all(table.find("caption") for table in page.find_all("table"))
    assert all(head.get("scope") in ("col", "row") for head in page.find_all("th"))
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {tag["aria-labelledby"] for tag in page.find_all(attrs={"aria-labelledby": True})} <= set(ids)


def test_the_article_fits_into_a_page_with_a_heading_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    part = BeautifulSoup(article(nasty(monkeypatch), level=2), "html.parser")

    assert part.find("html") is None
    assert part.find("h1") is None
    assert len(part.find_all("h2")) == 1
    assert part.find_all("h3")


def test_markdown_shows_nasty_text_and_does_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    markdown = FORMATS["markdown"].render(nasty(monkeypatch))
    # The most obliging reader: HTML, links out of addresses, tables.
    read = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    page = BeautifulSoup(read, "html.parser")

    for tag in ("script", "strong", "em", "a", "code", "img", "ol", "del"):
        assert page.find(tag) is None, tag
    assert len(page.find_all("h1")) == 1
    assert "# no heading" in page.get_text()
    assert '<script>alert("x")</script> | **bold** [link](javascript:alert(1))' in page.get_text()
    assert "\u202e" not in markdown
    assert "\x1b" not in markdown


def test_markdown_tables_keep_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    markdown = FORMATS["markdown"].render(nasty(monkeypatch))
    page = BeautifulSoup(MarkdownIt("commonmark").enable("table").render(markdown), "html.parser")

    for table in page.find_all("table"):
        columns = len(table.find_all("th"))
        assert all(len(row.find_all("td")) == columns for row in table.find_all("tr")[1:])


@pytest.mark.parametrize(
    "text",
    [
        "1. a",
        "1) a",
        "- a",
        "+ a",
        "* a",
        "# a",
        "> a",
        "a  ",
        "===",
        "---",
        ": a",
        "~~a~~",
        "![a](b)",
        "a & b &lt;",
        "$x$",
    ],
)
def test_escaped_markdown_is_one_plain_paragraph_with_the_same_text(text: str) -> None:
    read = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(escape(text))
    page = BeautifulSoup(read, "html.parser")

    assert [tag.name for tag in page.find_all(True)] == ["p"]
    assert page.get_text().strip() == text.strip()


def test_markdown_leaves_no_address_that_a_reader_would_make_a_link_of() -> None:
    text = "see http://evil.example, HTTPS://evil.example and www.evil.example"

    escaped = escape(text)

    assert not any(address in escaped.lower() for address in ("http:", "https:", "www."))
    assert BeautifulSoup(MarkdownIt("commonmark").render(escaped), "html.parser").get_text().strip() == text


def test_text_shows_characters_that_would_steer_a_terminal_as_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = render_text(nasty(monkeypatch))

    assert "[U+001B][31mred[U+0007]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(character == "\n" or character.isprintable() for character in text)


def test_letters_of_every_language_stay_what_they_are() -> None:
    plain = "Größe, naïve, 漢字, עברית, العربية, हिन्दी, e\u0301, 👩\u200d🔬\ttab"

    assert visible(plain) == plain


def test_wide_characters_keep_columns_aligned() -> None:
    text = content_as_text(content(Table("t", ("a", "b"), (("漢字", "x"), ("abcd", "y")))))

    assert text.splitlines()[-2:] == ["漢字  x", "abcd  y"]


def test_a_shortened_table_says_how_much_is_left_out() -> None:
    rows = tuple((str(number), number) for number in range(12))

    text = content_as_text(content(Table("t", ("a", "b"), rows)), most_rows=5)

    assert "… and 7 more" in text
    assert " 11" not in text


@pytest.mark.parametrize("fields", [5, 9])
def test_tables_too_wide_for_a_page_become_records_that_lose_nothing(fields: int) -> None:
    sentence = " ".join(f"word{number}" for number in range(30))
    columns = ("Id", "Statement", *(f"Field {number}" for number in range(fields)))
    rows = (("R-1", sentence, *(f"value {number} of a field" for number in range(fields))),)

    text = content_as_text(content(Table("t", columns, rows)))

    assert max(len(line) for line in text.splitlines()) <= 100
    flat = " ".join(text.split())
    assert sentence in flat
    assert all(f"Field {number}: value {number} of a field" in flat for number in range(fields))


def test_projects_that_report_on_different_things_cannot_be_compared() -> None:
    other = TWO_PHASES.replace("report: under-test", "report: requirements")
    a, b, c = (project_of(text, actor=system_actor()) for text in (TWO_PHASES, TWO_PHASES, other))

    for pair in ((a, b), (a, c), (c, a)):
        with pytest.raises(NotComparable, match="requirements"):
            compare_projects(*pair)
