"""A picture of a swarm that moves: one frame, or a run that is played over and over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.swarm.drawing.sheet import MOVING, PANEL_WIDTH, SECONDS, SIDE, STILL, Curve, drawn, line_of_text, sheet
from agents.swarm.drawing.svg import Raw, animated, element, group, heat, key_times, number
from agents.swarm.exact import Floats, Integers
from agents.swarm.living.behaviours import BEHAVIOURS, BehaviourName
from agents.swarm.living.measures import measures
from agents.swarm.living.roles import NUMBERED, Role, counted
from agents.swarm.living.world import World

MOST_DRAWN = 400  # members; of more, every so many-th is drawn
MOST_FRAMES = 90
_TRAILS = 16
_ROUND = frozenset({BehaviourName.DISPERSING, BehaviourName.CLUSTERING})  # who rests has no heading
_TRAIL_COLOUR = (0, 158, 115)
_DART = "M5 0L-4 3L-2 0L-4 -3Z"
WORDS = {
    "polarisation": "How much they fly one way (0 to 1)",
    "spacing": "Distance to the nearest (body lengths)",
    "distance_from_nest": "Distance from the nest (sides)",
    "distance_to_goal": "Distance to the goal (sides)",
    "delivered": "Food brought to the nest (loads)",
}


def world_picture(worlds: Sequence[World], behaviour: BehaviourName) -> str:
    """A picture of the worlds of a run, the earliest first, as SVG: of one a picture that stands, of more one that
    moves.

    Who asked their system for less motion sees the last one, standing.
    """
    frames = [worlds[place] for place in _spread(len(worlds), MOST_FRAMES)]
    moves = len(frames) > 1
    figure = BEHAVIOURS[behaviour].measure
    curve = Curve(WORDS[figure], [measures(world)[figure] for world in frames], worlds[-1].time)
    ground = [_still(frames[-1], behaviour, STILL if moves else "")]
    if moves:
        ground.insert(0, _moving(frames, behaviour))
    title = f"A swarm {behaviour.value}"
    summary = BEHAVIOURS[behaviour].summary
    told = f"{len(worlds[-1].swarm):,} members; {summary}. {curve.name}: {curve.values[0]:.3g}"
    told += f" at the beginning, {curve.values[-1]:.3g} after {worlds[-1].time} steps." if moves else "."
    return sheet(title, told, ground, _panel(worlds[-1], behaviour, title, curve, moves=moves))


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, evenly, the first and the last among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def _drawn_members(world: World) -> Integers:
    """Whom to draw: all queens, and of the others as many as a picture can hold."""
    roles = world.swarm.roles
    queens = np.flatnonzero(roles == NUMBERED.index(Role.QUEEN))
    others = np.flatnonzero(roles != NUMBERED.index(Role.QUEEN))
    chosen: Integers = np.concatenate([others[_spread(len(others), MOST_DRAWN)], queens[:20]])
    return chosen


def _scaled(world: World, places: Floats) -> Floats:
    scaled: Floats = places * (SIDE / max(world.ground.width, world.ground.height))
    return scaled


def _shape(role: Role, behaviour: BehaviourName) -> dict[str, str | float]:
    size = {Role.QUEEN: 2.0, Role.SOLDIER: 1.2}.get(role, 1.0)
    if behaviour in _ROUND:
        return {"r": 3.2 * size, "class_": role.value}
    return {"d": _DART, "class_": role.value, "transform": f"scale({number(size)})"}


def _member(role: Role, behaviour: BehaviourName) -> Raw:
    return element("circle" if behaviour in _ROUND else "path", **_shape(role, behaviour))


def _still(world: World, behaviour: BehaviourName, kind: str) -> Raw:
    swarm = world.swarm
    chosen = _drawn_members(world)
    places = _scaled(world, swarm.places)
    turned = np.degrees(np.arctan2(swarm.velocity[:, 1], swarm.velocity[:, 0]))
    members = [
        group(
            _member(NUMBERED[swarm.roles[one]], behaviour),
            *([element("circle", r=2.0, cx=5.0, class_="food")] if swarm.carrying[one] else []),
            transform=f"translate({number(places[one, 0])} {number(places[one, 1])}) rotate({number(turned[one])})",
        )
        for one in chosen.tolist()
    ]
    return group(_trail(world, world.trail.max()), *_places([world], behaviour), *members, class_=kind or None)


def _trail(world: World, most: float) -> Raw:
    if not world.trail.any():
        return Raw("")
    wide, high = _scaled(world, world.ground.size)
    address = heat(world.trail, _TRAIL_COLOUR, most)
    return element("image", href=address, width=float(wide), height=float(high), preserveAspectRatio="none")


def _places(frames: Sequence[World], behaviour: BehaviourName) -> list[Raw]:
    """Nest, goal and food, as large as what is left of it."""
    world, does = frames[0], BEHAVIOURS[behaviour]
    found = []
    if does.has_nest:
        x, y = _scaled(world, np.array(world.ground.nest)).tolist()
        found.append(element("circle", element("title", "nest"), cx=x, cy=y, r=14.0, class_="nest"))
    if behaviour == BehaviourName.MIGRATING:
        x, y = _scaled(world, np.array(world.ground.goal)).tolist()
        found += [element("circle", element("title", "goal"), cx=x, cy=y, r=r, class_="mark") for r in (10.0, 18.0)]
    most = max(frames[0].food.max(initial=0.0), 1.0)
    for one, place in enumerate(_scaled(world, world.sources).tolist()):
        sizes = [16 * float(np.sqrt(frame.food[one] / most)) for frame in frames]
        run = [animated("r", sizes, _times(frames), SECONDS)] if len(frames) > 1 else []
        found.append(element("circle", *run, cx=place[0], cy=place[1], r=sizes[-1], class_="food"))
    return found


def _times(frames: Sequence[World]) -> list[float]:
    first, last = frames[0].time, frames[-1].time
    return [(frame.time - first) / (last - first) for frame in frames]


def _moving(frames: Sequence[World], behaviour: BehaviourName) -> Raw:
    chosen = _drawn_members(frames[0])
    ways = np.stack([_scaled(frame, frame.swarm.places[chosen]) for frame in frames], axis=1)
    carrying = np.stack([frame.swarm.carrying[chosen] for frame in frames], axis=1)
    roles = frames[0].swarm.roles[chosen]
    members = [
        group(
            _member(NUMBERED[roles[one]], behaviour),
            *_crumb(carrying[one].tolist(), _times(frames)),
            _motion(frames, ways[one], behaviour),
        )
        for one in range(len(chosen))
    ]
    return group(*_trails(frames), *_places(frames, behaviour), *members, class_=MOVING)


def _motion(frames: Sequence[World], way: Floats, behaviour: BehaviourName) -> Raw:
    """The way of one member, out at one edge and in at the other where the ground is wound round."""
    size = _scaled(frames[0], frames[0].ground.size)
    points, times = [way[0]], [0.0]
    for time, before, after in zip(_times(frames)[1:], way, way[1:], strict=False):
        jump = np.round((after - before) / size) if frames[0].ground.torus else np.zeros(2)
        if jump.any():
            points += [after - jump * size]
            times += [time]
        points.append(after)
        times.append(time)
    values = ";".join(f"{number(x)},{number(y)}" for x, y in np.round(points, 1).tolist())
    turns = "0" if behaviour in _ROUND else "auto"
    return element(
        "animateMotion", values=values, keyTimes=key_times(times), calcMode="linear", dur=f"{number(SECONDS)}s",
        rotate=turns, repeatCount="indefinite",
    )  # fmt: skip


def _crumb(carrying: Sequence[bool], times: Sequence[float]) -> list[Raw]:
    """What a member carries, while it carries it."""
    if not any(carrying):
        return []
    changes = [0, *(place for place in range(1, len(carrying)) if carrying[place] != carrying[place - 1])]
    shown = [1.0 if carrying[place] else 0.0 for place in changes]
    seen = animated("opacity", shown, [times[place] for place in changes], SECONDS, calcMode="discrete")
    return [element("circle", seen, r=2.0, cx=5.0, class_="food")]


def _trails(frames: Sequence[World]) -> list[Raw]:
    """The trail at some moments, each fading into the next."""
    chosen = [frames[place] for place in _spread(len(frames), _TRAILS)]
    most = max(float(frame.trail.max()) for frame in chosen)
    times = [(frame.time - frames[0].time) / (frames[-1].time - frames[0].time) for frame in chosen]
    found = []
    for place, frame in enumerate(chosen):
        if frame.trail.any():
            shown = [1.0 if other == place else 0.0 for other in range(len(chosen))]
            found.append(group(_trail(frame, most), animated("opacity", shown, times, SECONDS)))
    return found


def _panel(world: World, behaviour: BehaviourName, title: str, curve: Curve, *, moves: bool) -> list[Raw]:
    found = [line_of_text(title, 24, "title")]
    lines = _folded(f"It {BEHAVIOURS[behaviour].summary}.")
    lines.append(f"{len(world.swarm):,} members, {world.time} steps, seed {world.seed}")
    found += [line_of_text(text, 54 + 20 * place, "soft") for place, text in enumerate(lines)]
    numbers = [(role, count) for role, count in counted(world.swarm.roles).items() if count]
    top = 54 + 20 * len(lines) + 24
    for place, (role, count) in enumerate(numbers):
        y = top + 26 * place
        mark = group(_member(Role(role), behaviour), transform=f"translate(8 {number(y - 5)}) scale(1.4)")
        found += [mark, element("text", role, x=28.0, y=y)]
        found.append(element("text", f"{count:,}", x=PANEL_WIDTH, y=y, text_anchor="end", class_="soft"))
    if moves:
        found += drawn(curve, 430, 120, (0.0, 1.0))
    return found


def _folded(text: str, most: int = 42) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
