"""Writing SVG: elements, numbers as short as they can be, and small pictures of fields.

What is drawn may be opened by itself, in a browser or from an ``img``: no script, nothing fetched.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from agents.swarm.exact import Floats

Attribute = str | float


@dataclass(frozen=True, slots=True)
class Raw:
    """SVG that is written already."""

    text: str


def number(value: float) -> str:
    """A number to a hundredth, without what says nothing."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(name: str, *inside: Raw | str, **attributes: Attribute | None) -> Raw:
    """An element. Text is escaped; ``fill_opacity`` is written ``fill-opacity``, ``class_`` ``class``; None is left
    out.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(value if isinstance(value, str) else number(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    content = "".join(one.text if isinstance(one, Raw) else escape(one) for one in inside)
    return Raw(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")


def group(*inside: Raw | str, **attributes: Attribute | None) -> Raw:
    """A ``g``."""
    return element("g", *inside, **attributes)


def animated(attribute: str, values: Iterable[Attribute], times: Sequence[float], seconds: float, **more: str) -> Raw:
    """An attribute that takes ``values`` at ``times`` (shares of the whole, from 0 to 1), over and over."""
    shown = ";".join(value if isinstance(value, str) else number(value) for value in values)
    return element(
        "animate", attributeName=attribute, values=shown, keyTimes=key_times(times), dur=f"{number(seconds)}s",
        repeatCount="indefinite", **more,
    )  # fmt: skip


def key_times(times: Iterable[float]) -> str:
    """Times as SMIL wants them, to a ten-thousandth."""
    return ";".join(f"{time:.4f}".rstrip("0").rstrip(".") for time in times)


def heat(field: Floats, colour: tuple[int, int, int], most: float, strongest: int = 230) -> str:
    """A field of shape ``(rows, columns)`` as the address of a picture: ``colour``, the more opaque the nearer to
    ``most``.
    """
    rows, columns = field.shape
    share = np.clip(field / most, 0, 1) if most > 0 else np.zeros_like(field)
    pixels = np.empty((rows, columns, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.round(np.sqrt(share) * strongest)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
