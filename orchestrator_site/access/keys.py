"""The text of an API key: made, taken apart, compared. Pure but for the system's random numbers.

``pg_live_<prefix>_<secret>``: the prefix (8 characters) names the key and may be shown; the secret (43
letters and digits, 256 bits) opens it. Only the SHA-256 of the whole text is kept. A slow hash would add
nothing, as a secret of 256 random bits cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass

MARK = "pg_live_"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43  # 43 · log2(62) = 256.03 bits
_LETTERS = string.ascii_letters + string.digits
_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_FORM = re.compile(rf"{MARK}([a-z0-9]{{{PREFIX_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its owner holds it."""

    prefix: str
    text: str

    @property
    def digest(self) -> str:
        """What is kept of it: SHA-256, in hexadecimal."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    def __repr__(self) -> str:
        """Without the secret, wherever it may be printed."""
        return f"KeyText({MARK}{self.prefix}_…)"


def new_key() -> KeyText:
    """A key that nobody has."""
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
    secret = "".join(secrets.choice(_LETTERS) for _ in range(SECRET_LENGTH))
    return KeyText(prefix, f"{MARK}{prefix}_{secret}")


def read_key(text: str) -> KeyText | None:
    """The key of a text; None where it has not the form of one."""
    found = _FORM.fullmatch(text)
    return KeyText(found.group(1), text) if found else None


def same(digest: str, other: str) -> bool:
    """Whether two digests are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(digest, other)
