"""The sheet that pictures of swarms are drawn on: a square ground on the left, words and a curve on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agents.swarm.drawing.svg import Raw, animated, element, group, number

WIDTH, HEIGHT = 960.0, 640.0
MARGIN = 24.0
SIDE = HEIGHT - 2 * MARGIN
PANEL = MARGIN + SIDE + 32  # where the words begin
PANEL_WIDTH = WIDTH - PANEL - MARGIN
SECONDS = 12.0  # of an animation, from its beginning to its end

# Colours that people who see no red or no green tell apart: Okabe and Ito, "Color universal design", 2008.
STYLE = """
svg{--paper:#fff;--ground:#f5f6f8;--ink:#1d2430;--soft:#5b6675;--line:#d5dae1;--curve:#0072b2;--mark:#d55e00;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif} @media
(prefers-color-scheme:dark){svg{--paper:#12161c;--ground:#1a2029;--ink:#eef1f5;--soft:#a0abb9;--line:#364050;
--curve:#56b4e9;--mark:#f0a35e}} .paper{fill:var(--paper)}.ground{fill:var(--ground);stroke:var(--line)}
text{fill:var(--ink);font-size:14px}.soft{fill:var(--soft);font-size:13px}.title{font-size:24px;font-weight:650}
.axis{stroke:var(--line);fill:none}.curve{stroke:var(--curve);fill:none;stroke-width:2;stroke-linejoin:round}
.now{stroke:var(--mark);stroke-width:1.5}.mark{fill:none;stroke:var(--mark);stroke-width:2}
.food{fill:#e69f00;fill-opacity:.85}.nest{fill:none;stroke:var(--soft);stroke-width:2;stroke-dasharray:3 4}
.queen{fill:#b5408a}.worker{fill:#6b7a8f}.scout{fill:#e69f00}.soldier{fill:#d55e00}.nurse{fill:#009e73}.forager{fill:#0072b2}
.still{display:none} @media (prefers-reduced-motion:reduce){.moving{display:none}.still{display:inline}} @media
(prefers-color-scheme:dark){.worker{fill:#9aa8ba}.forager{fill:#56b4e9}}
"""
MOVING = "moving"
STILL = "still"


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve by equal steps: its name, its values, and whether its axis is a logarithm's (then values are above 0)."""

    name: str
    values: Sequence[float]
    steps: int
    logarithmic: bool = False


def sheet(title: str, description: str, ground: Sequence[Raw], panel: Sequence[Raw]) -> str:
    """The whole file; ``description`` says in words what there is to see."""
    clip = element("clipPath", element("rect", width=SIDE, height=SIDE, rx=6.0), id="edge")
    left = group(
        element("rect", class_="ground", width=SIDE, height=SIDE, rx=6.0),
        group(*ground, clip_path="url(#edge)"),
        transform=f"translate({number(MARGIN)} {number(MARGIN)})",
    )
    whole = element(
        "svg",
        element("title", title, id="title"),
        element("desc", description, id="description"),
        element("style", Raw(STYLE)),
        element("defs", clip),
        element("rect", class_="paper", width=WIDTH, height=HEIGHT),
        left,
        group(*panel, transform=f"translate({number(PANEL)} {number(MARGIN)})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(WIDTH)} {number(HEIGHT)}",
        role="img",
        aria_labelledby="title description",
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + whole.text + "\n"


def line_of_text(text: str, y: float, kind: str = "") -> Raw:
    """A line in the panel, its base at ``y``."""
    return element("text", text, y=y, class_=kind or None)


def drawn(curve: Curve, top: float, height: float, moments: Sequence[float] = ()) -> list[Raw]:
    """A curve in the panel with its least and its greatest value.

    Where it moves, a line tells the time: ``moments`` are where it is after equal times, in shares of the whole.
    """
    low, high = min(curve.values), max(curve.values)
    scale = (lambda value: math.log10(value)) if curve.logarithmic else (lambda value: value)
    span = (scale(high) - scale(low)) or 1.0
    across = PANEL_WIDTH / max(1, len(curve.values) - 1)
    points = [
        f"{number(place * across)},{number(top + height * (1 - (scale(value) - scale(low)) / span))}"
        for place, value in enumerate(curve.values)
    ]
    written = [
        line_of_text(curve.name, top - 30),
        element("text", figure(high), y=top - 8, class_="soft"),
        element("path", d=f"M0 {number(top)}V{number(top + height)}H{number(PANEL_WIDTH)}", class_="axis"),
        element("polyline", points=" ".join(points), class_="curve"),
        element("text", figure(low), y=top + height + 18, class_="soft"),
        element("text", f"step {curve.steps}", y=top + height + 18, x=PANEL_WIDTH, text_anchor="end", class_="soft"),
    ]
    if len(moments) > 1:
        even = [place / (len(moments) - 1) for place in range(len(moments))]
        runs = [animated(side, [PANEL_WIDTH * one for one in moments], even, SECONDS) for side in ("x1", "x2")]
        written.append(element("line", *runs, y1=top, y2=top + height, class_=f"now {MOVING}"))
    return written


def figure(value: float) -> str:
    """A value as a person reads it: three digits, and an exponent only where there would be many noughts."""
    whole = abs(value) >= 1000
    return f"{value:,.0f}" if whole and abs(value) < 1e7 else f"{value:.3g}"
