"""What PostgreSQL can keep of texts and JSON values: no NUL, no half of a surrogate pair, no NaN.

A blob keeps anything, and expressions read blobs and make texts of their own: whatever of that goes into a column is
asked here first, so that it fails where it belongs and not when it is written.
"""

from __future__ import annotations

import json
import re
from typing import Any

_NUL, _HALF = "\0", re.compile("[\ud800-\udfff]")


def why_not(value: Any) -> str:
    """Why a text, or a value of JSON, cannot be kept; empty where it can."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    if "\\u0000" in text.replace("\\\\", ""):  # a backslash is written as two
        return "it holds a NUL character (U+0000)"
    if _HALF.search(text) is not None:
        return "it holds half of a surrogate pair, which is no character"
    return ""


def legible(text: str) -> str:
    """The text with U+FFFD, the sign for what cannot be shown, for each character that cannot be kept."""
    return _HALF.sub("\ufffd", text.replace(_NUL, "\ufffd"))
