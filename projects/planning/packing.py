"""How many short steps go into one message, and how many into one commit.

A message costs a few milliseconds of the broker and of Celery, a commit a fraction of one. Steps that take less than
that are done several to a message and to a commit; long ones never are, because others could have done them meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from projects.planning.compiling import windows

LONG = 0.1
"""Seconds from which a step is long: it is sent by itself."""
LEG = 0.012
"""Seconds that the steps of one message may take together: what a small project waits behind a large one."""
FEW = 4
"""So many steps may take twice as long: of some milliseconds each, a message for one would cost as much as the step."""
BUNDLE = 0.025
"""Seconds that the legs of a bundle may take together: all of them are small projects'."""
OVERHEAD = 0.0003
"""Seconds that the engine itself takes for a step of a batch."""
MOST_A_LEG = 250
MOST_A_BATCH = 100
UNKNOWN = 8
"""Steps to a message where the agent has not been seen yet: the first one shows, and long ones are sent on."""


def leg_size(seconds: float | None, *, waiting: int, lanes: int) -> int:
    """Steps to a message. ``seconds`` a step takes on average; ``lanes`` are the processes that could work on them."""
    if seconds is not None and seconds >= LONG:
        return 1
    share = -(-waiting // (2 * max(1, lanes)))  # two messages a process, so that none is idle while another has many
    fits = UNKNOWN if seconds is None else _fitting(seconds + OVERHEAD)
    return max(1, min(share, fits, MOST_A_LEG))


def _fitting(seconds: float) -> int:
    return max(int(LEG / seconds), min(FEW, int(2 * LEG / seconds)))


def one_after_another(paces: Iterable[float | None]) -> float | None:
    """Seconds that the steps of a leg take by the paces of their agents; None if one of them is not known."""
    known = list(paces)
    seconds = [pace for pace in known if pace is not None]
    return sum(seconds) + OVERHEAD * len(seconds) if len(seconds) == len(known) else None


def bundles(seconds: Sequence[float], *, lanes: int) -> tuple[int, ...]:
    """Sizes of the messages for legs that take so many ``seconds`` each, in their order.

    None takes longer than a message may, but for a leg that does so by itself; and all processes get some.
    """
    share = min(-(-len(seconds) // (2 * max(1, lanes))), MOST_A_BATCH)
    sizes: list[int] = []
    taken = 0.0
    for each in seconds:
        if sizes and sizes[-1] < share and taken + each <= BUNDLE:
            sizes[-1] += 1
            taken += each
        else:
            sizes.append(1)
            taken = each
    return tuple(sizes)


def groups(
    *, waiting: int, in_flight: int, window: int, parallel: int | None, leg: int, lanes: int
) -> tuple[tuple[int, ...], ...]:
    """What of a list to send now: groups, each with the sizes of its messages. Of single steps a group has one join.

    ``parallel`` is how many may run at once where the blueprint says so. Messages in flight are not counted, but
    are never more than the items in flight, and that bounds them.
    """
    if leg == 1:
        return tuple((1,) * size for size in windows(waiting, in_flight, parallel or window))
    at_once = (lanes + 1) * leg  # a message a process, and one at hand for whoever is first
    if parallel is None or parallel >= at_once:
        free = at_once - in_flight
        return _group(waiting if waiting <= free else free // leg * leg, leg)
    messages = min(parallel - in_flight, 2 * lanes)
    return _group(min(waiting, messages * leg), leg)


def _group(items: int, leg: int) -> tuple[tuple[int, ...], ...]:
    return (_cut(items, leg),) if items > 0 else ()


def _cut(items: int, leg: int) -> tuple[int, ...]:
    whole, rest = divmod(items, leg)
    return (leg,) * whole + ((rest,) if rest else ())


def batch_size(seconds: float | None, *, before: int, budget: float, usual: float | None = None) -> int:
    """Steps to claim and commit together, as many as fit into ``budget`` seconds.

    ``seconds`` is what a step of the last batch took, and ``before`` how many it had: a batch grows at most fourfold,
    so that one quick step does not decide for a hundred; where the agent is known to be quick by its ``usual`` seconds,
    at once. Without any, the first one goes alone.
    """
    if seconds is None or seconds >= LONG:
        return 1
    fits = int(budget / max(seconds, usual or 0.0, 1e-6))
    return max(1, min(fits, before * 4 if usual is None else MOST_A_BATCH, MOST_A_BATCH))


def moving_average(before: float | None, seconds: float, weight: float = 0.2) -> float:
    """The average after another measurement, which counts with ``weight`` against all before it."""
    return seconds if before is None else before + weight * (seconds - before)
