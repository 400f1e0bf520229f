"""Reading request bodies: what PostgreSQL or the digest could not hold is refused here, with its place.

The limits are on what a person would never send: 32 levels of nesting, integers beyond what JSON readers
agree on (RFC 7493, 2.2: 2^53), text with NUL or lone surrogates, one name twice in an object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, FormParser, JSONParser, MultiPartParser

from orchestrator_site.api.errors import BodyMalformed, BodyTooLarge, TextNotStorable

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
FORM_EXTRAS = frozenset({"csrfmiddlewaretoken"})


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it. Raises ``BodyTooLarge``, ``BodyMalformed``, ``TextNotStorable``."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The value of the body; an empty body is an empty object."""
        view = (parser_context or {}).get("view")
        return loads(read_limited(stream, getattr(view, "largest_body", None)).decode_text())


class TextParser(BaseParser):
    """A body that is a text as it stands, such as the YAML of a blueprint."""

    media_type = "text/plain"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, str]:
        """The text as ``{"source": text}``, so that views see the same as from JSON."""
        text = read_limited(stream).decode_text()
        check_storable(text)
        return {"source": text}


class YamlParser(TextParser):
    """YAML by its registered media type (RFC 9512)."""

    media_type = "application/yaml"


class UploadParser(MultiPartParser):
    """``multipart/form-data``: files and fields, of which ``project`` may hold the JSON of the body."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The fields and files; raises ``BodyTooLarge`` or ``BodyMalformed``."""
        try:
            parsed: DataAndFiles[Any, Any] = super().parse(stream, media_type, parser_context)
        except (RequestDataTooBig, TooManyFilesSent) as error:
            raise BodyTooLarge(str(error)) from None
        except ParseError as error:
            raise BodyMalformed(f"The form cannot be read: {error.detail}") from None
        check_storable({name: parsed.data.getlist(name) for name in parsed.data})
        return parsed


class StrictFormParser(FormParser):
    """``application/x-www-form-urlencoded``, as the forms of the browsable API send it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The fields."""
        try:
            fields = super().parse(stream, media_type, parser_context)
        except RequestDataTooBig as error:
            raise BodyTooLarge(str(error)) from None
        check_storable({name: fields.getlist(name) for name in fields})
        return fields


class _Body(bytes):
    def decode_text(self) -> str:
        try:
            return self.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BodyMalformed(f"The body is no UTF-8: byte {error.start} cannot be read.") from None


def read_limited(stream: IO[Any], largest: int | None = None) -> _Body:
    """The bytes of a body, up to ``largest`` or else ``DATA_UPLOAD_MAX_MEMORY_SIZE``. Raises ``BodyTooLarge``."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if largest is None else largest
    content = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(content) > limit:
        hint = " Send documents as multipart/form-data." if largest is None else ""
        raise BodyTooLarge(f"The body has more than {limit:,} bytes.{hint}")
    return _Body(content)


def loads(text: str) -> Any:
    """The value of a JSON text within the limits; an empty text is an empty object."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise TextNotStorable(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise BodyMalformed(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except ValueError:  # an integer of thousands of digits
        raise TextNotStorable("A number in the body is too long: send it as a string.") from None
    check_storable(value)
    return value


def check_storable(value: Any) -> None:
    """Raise ``TextNotStorable``, naming the place, where a value cannot be kept as it is."""
    pending: list[tuple[str, int, Any]] = [("", 0, value)]
    while pending:
        where, depth, item = pending.pop()
        if depth > MAX_DEPTH:
            raise TextNotStorable(f"The body is nested deeper than {MAX_DEPTH} levels.")
        match item:
            case str():
                _check_text(item, where)
            case bool() | None:
                pass
            case int() if abs(item) > MAX_INTEGER:
                raise TextNotStorable(f"{where or 'The body'}: an integer beyond 2^53 - 1; send it as a string.")
            case float() if not math.isfinite(item):
                raise TextNotStorable(f"{where or 'The body'}: a number too large; send it as a string.")
            case Mapping():
                for name, part in item.items():
                    _check_text(name, f"a name in {where or 'the body'}")
                    pending.append((f"{where}.{name}" if where else name, depth + 1, part))
            case list():
                pending.extend((f"{where}[{index}]", depth + 1, part) for index, part in enumerate(item))


def _check_text(text: str, where: str) -> None:
    place = _shown(where) or "The body"
    if "\0" in text:
        raise TextNotStorable(f"{place}: text with a NUL character (U+0000) cannot be kept; leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TextNotStorable(f"{place}: text with half a surrogate pair is no Unicode text.") from None


def _shown(where: str) -> str:
    """A place that is safe to print, whatever names it is made of."""
    return where.encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")[:200]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BodyMalformed(f"The name {_shown(twice)!r} stands twice in one object of the body.")
    return found


def _no_constant(name: str) -> None:
    raise BodyMalformed(f"{name} is no JSON: leave it out or send null.")
