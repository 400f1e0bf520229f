"""Refusing an agent that could never work: its name, versions, place, and its transport's settings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agents import transports, versions
from agents.discovery import check_place
from agents.errors import AgentInvalid, AgentSettingsRefused, QueryInvalid
from agents.resilience.rules import Rules, rules_for
from agents.values import Location, Performer, TransportName

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,99}")
_WORD = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
MOST_KEPT = 64 * 1024
"""Bytes of JSON that settings or metadata may take."""
MOST_OFFERED = 200
"""Capabilities, and tags, that one agent may have: each is an entry of an index."""


def name(given: str, *, of: str) -> str:
    """A name. Raises ``AgentInvalid`` for one that could not stand in a blueprint or an address."""
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise AgentInvalid(
            f"{given!r} cannot be the name of {of}: up to 100 letters, digits and . _ : / + -, "
            "of which the first is a letter or digit."
        )
    return given


def capabilities(given: Mapping[str, str]) -> dict[str, str]:
    """Capabilities with their versions in normal form. Raises ``AgentInvalid`` or ``VersionInvalid``."""
    _few(given, "capabilities")
    return {
        name(capability, of="a capability"): versions.checked(version, of=f"capability {capability}")
        for capability, version in given.items()
    }


def tags(given: Iterable[str]) -> list[str]:
    """Tags, each once, sorted. Raises ``AgentInvalid``."""
    found = sorted(set(given))
    _few(found, "tags")
    for tag in found:
        if not _WORD.fullmatch(tag):
            raise AgentInvalid(f"{tag!r} cannot be a tag: up to 100 characters, none of them a control character.")
    return found


def document(given: Any, *, of: str, most: int = MOST_KEPT) -> str:
    """Names with values, as JSON that PostgreSQL keeps. Raises ``AgentInvalid``: NaN, zero bytes, half
    characters, too much of it."""
    if not isinstance(given, Mapping):
        raise AgentInvalid(f"The {of} are names with values, not {type(given).__name__}.")
    try:
        text = json.dumps(given, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentInvalid(f"The {of} cannot be JSON: {error}.") from None
    if len(text) > most:
        raise AgentInvalid(f"The {of} take {len(text)} bytes: {most} at most.")
    if "\\u0000" in text:
        raise AgentInvalid(f"The {of} hold a zero byte, which PostgreSQL cannot keep.")
    return text


def place(where: Location) -> None:
    """Raise ``AgentInvalid`` for a place that is not on earth, or has a zone in no region."""
    try:
        check_place(where)
    except QueryInvalid as error:
        raise AgentInvalid(error.message) from None
    for part in (where.region, where.zone):
        if part and not _WORD.fullmatch(part):
            raise AgentInvalid(f"{part!r} cannot be a region or zone: up to 100 characters.")


def numbers(*, weight: float, cost_per_call: float, max_concurrency: int | None) -> None:
    """Raise ``AgentInvalid`` for what routing cannot reckon with."""
    if not (math.isfinite(weight) and weight >= 0):
        raise AgentInvalid(f"weight is {weight}: it is 0 or more.")
    if not (math.isfinite(cost_per_call) and 0 <= cost_per_call < 1e8):
        raise AgentInvalid(f"cost_per_call is {cost_per_call}: it is 0 or more.")
    if max_concurrency is not None and max_concurrency < 1:
        raise AgentInvalid(f"max_concurrency is {max_concurrency}: it is 1 or more, or not given.")


def transport(given: str) -> TransportName:
    """The transport of that name. Raises ``AgentInvalid`` with those that there are."""
    try:
        return TransportName(given)
    except ValueError:
        raise AgentInvalid(f"There is no transport {given!r}. There are: {', '.join(TransportName)}.") from None


def settings(performer: Performer) -> None:
    """Have its transport refuse an agent that it could never reach, and the guards rules that make no sense.

    Raises ``AgentSettingsRefused``.

    The family of transports is looked up by name where the call is made, so that the registry knows none of them; one
    that is not installed checks nothing.
    """
    rules_for(performer, Rules())
    family: Mapping[str, Any] = getattr(transports, "TRANSPORTS", {})
    found = family.get(performer.transport)
    if found is not None:
        (found() if isinstance(found, type) else found).check(performer)
    elif not isinstance(performer.settings, Mapping):
        raise AgentSettingsRefused("The settings of a transport are names with values.")


def _few(given: Any, what: str) -> None:
    if len(given) > MOST_OFFERED:
        raise AgentInvalid(f"{len(given)} {what} are too many: {MOST_OFFERED} at most.")
