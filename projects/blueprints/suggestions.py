"""The word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_AT_MOST = 12  # words listed: a longer list helps nobody


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, None where none is much like it."""
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word[:100].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], *, known_as: str = "There are") -> str:
    """``Did you mean 'rivals'?``, else the list of what there is, else nothing."""
    words = sorted(known)
    meant = closest(word, words)
    if meant is not None and meant != word:
        return f"Did you mean {meant!r}?"
    if not words:
        return ""
    more = ", …" if len(words) > _AT_MOST else ""
    return f"{known_as}: {', '.join(words[:_AT_MOST])}{more}."
