"""Finding a stream by what a person types: its id, or the last digits of it."""

from __future__ import annotations

import string
from uuid import UUID

from orchestrator_site.history.errors import StreamAmbiguous, StreamNotFound
from orchestrator_site.history.verifying import streams

_SHORTEST = 4  # digits; fewer would fit too many


def find_stream(text: str) -> UUID:
    """The stream of an id or of its last digits. Raises ``StreamNotFound``, ``StreamAmbiguous``.

    A whole id is given back as it is, whether anything is known of it or not.
    """
    try:
        return UUID(text)
    except ValueError:
        digits = text.lower()
    if len(digits) < _SHORTEST or set(digits) - set(string.hexdigits + "-"):
        raise StreamNotFound(f"{text!r} is no id: give one in full, or its last digits ({_SHORTEST} or more).")
    fitting = [stream for stream in streams() if str(stream).endswith(digits)]
    if not fitting:
        raise StreamNotFound(f"There is no history of {text!r}.")
    if len(fitting) > 1:
        raise StreamAmbiguous(f"{text!r} fits {len(fitting)} histories: give more digits.")
    return fitting[0]
