"""Places in a document, and how they are written: ``phases[0].steps[1].needs``."""

from __future__ import annotations

Place = tuple[str | int, ...]


def written(place: Place) -> str:
    """The place as people read it; the document itself is nothing."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text
