"""From a phase's steps to the shapes of a drawing. Pure: positions in pixels, words as they are written."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError

from orchestrator_site.dashboard.graph.layout import Layout, lay_out

BOX_WIDTH, BOX_HEIGHT = 162, 56
GAP_X, GAP_Y = 30, 12
MARGIN = 6
MOST_DRAWN = 120
LINE, LINES = 16, 2
GATE = "\0gate"


@dataclass(frozen=True, slots=True)
class StepToDraw:
    """A step: its needs by key, and of a ``for_each`` how many of how many items are through."""

    key: str
    title: str
    state: str
    needs: tuple[str, ...] = ()
    items: int = 0
    items_done: int = 0


@dataclass(frozen=True, slots=True)
class PhaseToDraw:
    """A phase; ``gate`` is what stands at its end, in words, or empty; ``gate_state`` how that stands.

    ``total`` and ``done`` count its steps where ``steps`` does not hold them all.
    """

    steps: tuple[StepToDraw, ...]
    state: str = "pending"
    gate: str = ""
    gate_state: str = "pending"
    total: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a box's words, at its height."""

    y: int
    words: str


@dataclass(frozen=True, slots=True)
class Box:
    """A step or a gate. ``fill`` is the width of the bar of its items; ``name`` its whole title."""

    x: int
    y: int
    name: str
    lines: tuple[Line, ...]
    state: str
    note: str = ""
    is_gate: bool = False
    is_many: bool = False
    fill: int = 0
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT

    @property
    def middle(self) -> int:
        """The height at which edges come and go."""
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True, slots=True)
class Drawing:
    """A phase drawn: its size, its boxes, and its edges as paths of SVG."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]


def draw(phase: PhaseToDraw) -> Drawing:
    """The drawing of a phase."""
    steps = _few(phase)
    layout = _placed(steps, has_gate=bool(phase.gate))
    by_key = {step.key: step for step in steps}
    boxes = {node.key: _box(by_key.get(node.key), phase, _x(node.column), _y(node.row)) for node in layout.nodes}
    return Drawing(
        width=_x(max(layout.columns, 1) - 1) + BOX_WIDTH + MARGIN,
        height=_y(max(layout.rows, 1) - 1) + BOX_HEIGHT + MARGIN,
        boxes=tuple(boxes.values()),
        edges=tuple(_edge(boxes[way.source], boxes[way.target], way.between) for way in layout.ways),
    )


def _few(phase: PhaseToDraw) -> tuple[StepToDraw, ...]:
    """A phase of very many steps is drawn as one box: the table beside the drawing has them all."""
    if phase.total <= len(phase.steps) <= MOST_DRAWN:
        return phase.steps
    total = max(phase.total, len(phase.steps))
    return (StepToDraw("all", f"{total} steps", phase.state, (), total, min(phase.done, total)),)


def _placed(steps: Sequence[StepToDraw], *, has_gate: bool) -> Layout:
    needs = {step.key: step.needs for step in steps}
    if has_gate:
        needed = {need for wanted in needs.values() for need in wanted}
        needs[GATE] = tuple(key for key in needs if key not in needed)
    try:
        return lay_out(needs)
    except CycleError:
        return lay_out(dict.fromkeys(needs, ()))


def _box(step: StepToDraw | None, phase: PhaseToDraw, x: int, y: int) -> Box:
    if step is None:
        return Box(x, y, phase.gate, _lines(phase.gate, y), phase.gate_state, is_gate=True)
    if not step.items:
        return Box(x, y, step.title, _lines(step.title, y), step.state)
    note = f"{step.items_done}/{step.items}"
    fill = round((BOX_WIDTH - 4) * step.items_done / step.items)
    return Box(x, y, step.title, _lines(step.title, y), step.state, note=note, is_many=True, fill=fill)


def _lines(title: str, y: int) -> tuple[Line, ...]:
    """The title in at most two lines, and below them room for the state."""
    words = textwrap.wrap(title, LINE, max_lines=LINES, placeholder="…") or [""]
    first = 19 if len(words) > 1 else 25
    return tuple(Line(y + first + 14 * at, line) for at, line in enumerate(words))


def _edge(source: Box, target: Box, between: Sequence[tuple[int, float]]) -> str:
    """A line that leaves to the right and arrives from the left, bent through its way points."""
    points = [(source.x + BOX_WIDTH, source.middle)]
    for column, row in between:
        middle = _y(row) + BOX_HEIGHT // 2
        points += [(_x(column), middle), (_x(column) + BOX_WIDTH, middle)]
    points.append((target.x - 5, target.middle))
    curves = [
        f"{x1} {y1}C{(x1 + x2) // 2} {y1} {(x1 + x2) // 2} {y2} {x2} {y2}"
        for (x1, y1), (x2, y2) in zip(points[::2], points[1::2], strict=True)
    ]
    return "M" + "L".join(curves)


def _x(column: int) -> int:
    return MARGIN + column * (BOX_WIDTH + GAP_X)


def _y(row: float) -> int:
    return MARGIN + round(row * (BOX_HEIGHT + GAP_Y))
