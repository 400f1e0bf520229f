"""The drawing of a phase: levels, order, ways; and bounds that hold for any graph."""

from __future__ import annotations

import re
from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_site.dashboard.graph.drawing import BOX_HEIGHT, BOX_WIDTH, PhaseToDraw, StepToDraw, draw
from orchestrator_site.dashboard.graph.layout import lay_out


def columns(needs: dict[str, list[str]]) -> dict[str, int]:
    return {node.key: node.column for node in lay_out(needs).nodes}


def test_a_step_stands_right_of_all_that_it_needs() -> None:
    #   a ─→ b ─→ d
    #   └──→ c ───┘     (c also needs b)
    assert columns({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["b", "c"]}) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_parallel_chains_do_not_cross() -> None:
    #   a1 ─→ b1        given in the order that would cross
    #   a2 ─→ b2
    layout = lay_out({"a1": [], "a2": [], "b2": ["a2"], "b1": ["a1"]})
    row = {node.key: node.row for node in layout.nodes}
    assert (row["a1"] < row["a2"]) == (row["b1"] < row["b2"])


def test_a_long_edge_passes_beside_the_steps_between() -> None:
    #   a ─→ b ─→ c
    #   └─────────↗
    layout = lay_out({"a": [], "b": ["a"], "c": ["a", "b"]})
    long = next(way for way in layout.ways if (way.source, way.target) == ("a", "c"))
    b = next(node for node in layout.nodes if node.key == "b")
    assert [column for column, _ in long.between] == [1]
    assert long.between[0][1] != b.row


def test_a_circle_is_refused_by_the_layout_and_drawn_without_edges() -> None:
    with pytest.raises(CycleError):
        lay_out({"a": ["b"], "b": ["a"]})
    drawn = draw(PhaseToDraw((StepToDraw("a", "A", "pending", ("b",)), StepToDraw("b", "B", "pending", ("a",)))))
    assert len(drawn.boxes) == 2


def test_the_gate_stands_at_the_end_behind_every_loose_end() -> None:
    steps = (StepToDraw("a", "A", "completed"), StepToDraw("b", "B", "running"))
    drawn = draw(PhaseToDraw(steps, gate="Approve it", gate_state="waiting"))
    gate = next(box for box in drawn.boxes if box.is_gate)
    assert all(gate.x > box.x for box in drawn.boxes if box is not gate)
    assert len(drawn.edges) == 2


def test_long_names_take_two_lines_and_say_the_rest_when_asked() -> None:
    name = "Interviews with very many of our best customers"
    box = draw(PhaseToDraw((StepToDraw("a", name, "ready"),))).boxes[0]
    assert [line.words for line in box.lines] == ["Interviews with", "very many of…"]
    assert box.name == name


def test_a_list_shows_how_far_it_is() -> None:
    box = draw(PhaseToDraw((StepToDraw("a", "Calls", "waiting", items=10, items_done=5),))).boxes[0]
    assert (box.note, box.is_many, box.fill) == ("5/10", True, round((BOX_WIDTH - 4) / 2))


def test_very_many_steps_are_drawn_as_one() -> None:
    steps = tuple(StepToDraw(str(n), str(n), "pending") for n in range(500))
    drawn = draw(PhaseToDraw(steps, done=20, total=500))
    assert [(box.name, box.note) for box in drawn.boxes] == [("500 steps", "20/500")]


@st.composite
def graphs(draw_: st.DrawFn) -> dict[str, list[str]]:
    size = draw_(st.integers(1, 12))
    return {
        str(n): sorted(draw_(st.sets(st.sampled_from([str(m) for m in range(n)]), max_size=4))) if n else []
        for n in range(size)
    }


@given(graphs(), st.booleans())
def test_boxes_of_any_graph_do_not_touch_and_stay_inside(needs: dict[str, list[str]], gated: bool) -> None:
    steps = tuple(StepToDraw(key, key, "pending", tuple(wanted)) for key, wanted in needs.items())
    drawn = draw(PhaseToDraw(steps, gate="G" if gated else ""))

    assert len(drawn.boxes) == len(needs) + gated
    for at, box in enumerate(drawn.boxes):
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + BOX_WIDTH <= drawn.width
        assert box.y + BOX_HEIGHT <= drawn.height
        for other in drawn.boxes[at + 1 :]:
            assert abs(box.x - other.x) >= BOX_WIDTH or abs(box.y - other.y) >= BOX_HEIGHT
    for edge in drawn.edges:
        assert re.fullmatch(r"M[\d .CL-]+", edge)
        numbers = [int(number) for number in re.findall(r"-?\d+", edge)]
        assert max(numbers[::2]) <= drawn.width
        assert max(numbers[1::2]) <= drawn.height
