"""From phases and steps to the shapes of a drawing. Pure: positions in pixels, words as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError

from orchestrator_site.dashboard.graph.layout import Layout, lay_out

BOX_WIDTH, BOX_HEIGHT = 184, 46
GAP_X, GAP_Y = 38, 14
PADDING, HEADING = 18, 36
BETWEEN = 26
MOST_DRAWN = 120
MOST_LETTERS = 22
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

    title: str
    state: str
    steps: tuple[StepToDraw, ...]
    round: int = 1
    gate: str = ""
    gate_state: str = "pending"
    total: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A step or a gate. ``fill`` is the width of the bar of its items; ``tip`` its whole story in words."""

    x: int
    y: int
    title: str
    state: str
    tip: str
    note: str = ""
    is_gate: bool = False
    is_many: bool = False
    fill: int = 0

    @property
    def middle(self) -> int:
        """The height at which edges come and go."""
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A phase around its boxes."""

    x: int
    y: int
    width: int
    height: int
    title: str
    state: str
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole: frames under one another."""

    width: int
    height: int
    frames: tuple[Frame, ...]


def draw(phases: Sequence[PhaseToDraw]) -> Drawing:
    """The drawing of a project."""
    frames: list[Frame] = []
    top = 1
    for phase in phases:
        frame = _frame(phase, top)
        frames.append(frame)
        top += frame.height + BETWEEN
    width = max((frame.width for frame in frames), default=0)
    return Drawing(width + 2, top - BETWEEN + 1, tuple(_widened(frame, width) for frame in frames))


def _frame(phase: PhaseToDraw, top: int) -> Frame:
    steps = _few(phase)
    layout = _placed(steps, has_gate=bool(phase.gate))
    by_key = {step.key: step for step in steps}
    boxes = {node.key: _box(by_key.get(node.key), phase, _x(node.column), _y(node.row, top)) for node in layout.nodes}
    rounds = f" · {phase.round}" if phase.round > 1 else ""
    return Frame(
        x=1,
        y=top,
        width=_x(max(layout.columns, 1) - 1) + BOX_WIDTH + PADDING,
        height=HEADING + round(layout.rows * (BOX_HEIGHT + GAP_Y)) - GAP_Y + PADDING,
        title=f"{phase.title}{rounds}",
        state=phase.state,
        boxes=tuple(boxes.values()),
        edges=tuple(_edge(boxes[way.source], boxes[way.target], way.between, top) for way in layout.ways),
    )


def _few(phase: PhaseToDraw) -> tuple[StepToDraw, ...]:
    """A phase of very many steps is drawn as one box: the table beside the drawing has them all."""
    if phase.total <= len(phase.steps) <= MOST_DRAWN:
        return phase.steps
    return (StepToDraw("all", f"{phase.total} steps", phase.state, (), phase.total, phase.done),)


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
        return Box(x, y, _cut(phase.gate), phase.gate_state, phase.gate, is_gate=True)
    if not step.items:
        return Box(x, y, _cut(step.title), step.state, step.title)
    share = step.items_done / step.items
    note = f"{step.items_done}/{step.items}"
    fill = round((BOX_WIDTH - 2) * share)
    return Box(x, y, _cut(step.title), step.state, step.title, note=note, is_many=True, fill=fill)


def _edge(source: Box, target: Box, between: Sequence[tuple[int, float]], top: int) -> str:
    """A line that leaves to the right and arrives from the left, bent through its way points."""
    points = [(source.x + BOX_WIDTH, source.middle)]
    for column, row in between:
        middle = _y(row, top) + BOX_HEIGHT // 2
        points += [(_x(column), middle), (_x(column) + BOX_WIDTH, middle)]
    points.append((target.x - 5, target.middle))
    curves = [
        f"{x1} {y1}C{(x1 + x2) // 2} {y1} {(x1 + x2) // 2} {y2} {x2} {y2}"
        for (x1, y1), (x2, y2) in zip(points[::2], points[1::2], strict=True)
    ]
    return "M" + "L".join(curves)


def _widened(frame: Frame, width: int) -> Frame:
    return Frame(frame.x, frame.y, width, frame.height, frame.title, frame.state, frame.boxes, frame.edges)


def _x(column: int) -> int:
    return 1 + PADDING + column * (BOX_WIDTH + GAP_X)


def _y(row: float, top: int) -> int:
    return top + HEADING + round(row * (BOX_HEIGHT + GAP_Y))


def _cut(words: str) -> str:
    return words if len(words) <= MOST_LETTERS else f"{words[: MOST_LETTERS - 1].rstrip()}…"
