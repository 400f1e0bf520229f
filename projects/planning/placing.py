"""Where a step stands among others: what it needs, and who waits for it, when it is put in or moved.

All are functions over the needs of one phase, ``{key: keys that it needs}``. A step is put *before* another, which
then waits for it; or *after* another, and then whatever waits for that one, and has not started, waits for it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

Needs = Mapping[str, tuple[str, ...]]


def put_in(
    needs: Needs,
    key: str,
    own: Iterable[str],
    *,
    before: str | None,
    after: str | None,
    can_wait: Callable[[str], bool],
) -> dict[str, tuple[str, ...]]:
    """The needs with those of one step more, which needs its ``own``.

    With both neighbours it stands between them, and nobody else waits for it. ``can_wait`` tells of a step whether
    its needs may still grow.
    """
    mine = _once(own, () if after is None else (after,))
    found = {**needs, key: mine}
    for follower in _followers(needs, mine, before, after, can_wait):
        found[follower] = _once(needs[follower], (key,))
    return found


def moved(
    needs: Needs,
    key: str,
    own: Iterable[str] | None,
    *,
    before: str | None,
    after: str | None,
    can_wait: Callable[[str], bool],
) -> dict[str, tuple[str, ...]]:
    """The needs with one step in another place.

    It keeps what it needs, as far as that does not come after its new place; ``own`` says otherwise. Who waits for
    it goes on waiting, but for those that have to run before its new place: they need what it needed instead. Of the
    others, what ran after another before does so still.

    a → b → c → d, with c before b, is a → c → b → d; with a after c it is b → c → a → d.
    """
    old = needs[key]
    others = {each: tuple(need for need in wanted if need != key) for each, wanted in needs.items() if each != key}
    if own is None:
        own = _kept(others, old, before)
        if before is not None:
            own = _once(own, others[before])
    earlier = reached(others, _once(own, () if after is None else (after,)))
    dropped = tuple(need for need in old if need not in earlier)
    for each in others:
        if key in needs[each]:
            others[each] = _once(others[each], old) if each in earlier else _once(needs[each], dropped)
    return put_in(others, key, own, before=before, after=after, can_wait=can_wait)


def reached(needs: Needs, start: Iterable[str]) -> frozenset[str]:
    """The steps themselves and all that they need, directly or not; a cycle does no harm."""
    found: set[str] = set()
    border = list(start)
    while border:
        each = border.pop()
        if each not in found:
            found.add(each)
            border += needs.get(each, ())
    return frozenset(found)


def _kept(others: Needs, old: Iterable[str], before: str | None) -> tuple[str, ...]:
    """Of what a step needed, what does not need the step that it is now to come before."""
    if before is None:
        return tuple(old)
    return tuple(need for need in old if before not in reached(others, (need,)))


def _followers(
    needs: Needs, mine: Iterable[str], before: str | None, after: str | None, can_wait: Callable[[str], bool]
) -> list[str]:
    if before is not None:
        return [before]
    if after is None:
        return []
    earlier = reached(needs, mine)
    return [each for each, wanted in needs.items() if after in wanted and each not in earlier and can_wait(each)]


def _once(*parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for part in parts for key in part))
