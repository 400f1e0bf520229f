"""Topics and patterns of topics, as AMQP 0-9-1 has them: words joined by dots. Pure.

In a pattern ``*`` stands for one word and ``#`` for any number of words, none included. kombu's emulation on Redis
takes ``project.#`` not to match ``project``, which RabbitMQ does; so routing on Redis asks this module, and an event
takes the same way on either broker. Source: AMQP 0-9-1 specification, section 3.1.3.3.
"""

from __future__ import annotations

import functools
import re

from orchestrator_site.bus.errors import TopicInvalid

LONGEST = 255
"""Bytes of a topic: what AMQP's short strings hold."""

_WORD = r"[A-Za-z0-9_-]+"
_TOPIC = re.compile(rf"{_WORD}(\.{_WORD})*")
_PATTERN = re.compile(rf"({_WORD}|\*|#)(\.({_WORD}|\*|#))*")
_NOT_OF_WORDS = re.compile(r"[^A-Za-z0-9_-]+")


@functools.lru_cache(maxsize=8192)
def checked_topic(topic: str) -> str:
    """The topic itself. Raises ``TopicInvalid``."""
    if len(topic) > LONGEST or _TOPIC.fullmatch(topic) is None:
        raise TopicInvalid(
            f"{topic[:80]!r} is no topic: write words of letters, digits, - and _, joined by dots, "
            f"of {LONGEST} characters at most."
        )
    return topic


@functools.lru_cache(maxsize=1024)
def checked_pattern(pattern: str) -> str:
    """The pattern itself. Raises ``TopicInvalid``."""
    if len(pattern) > LONGEST or _PATTERN.fullmatch(pattern) is None:
        raise TopicInvalid(f"{pattern[:80]!r} is no pattern: write words joined by dots, * for one and # for any.")
    return pattern


def as_word(text: str) -> str:
    """A name made fit to be one word of a topic; what does not fit becomes a hyphen. Raises ``TopicInvalid``."""
    return checked_topic(_NOT_OF_WORDS.sub("-", text))


def matches(pattern: str, topic: str) -> bool:
    """Whether an event of this topic goes to whoever has subscribed to this pattern."""
    return _compiled(pattern).fullmatch(f".{topic}") is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Each word brings the dot before it, so that # can stand for no word without leaving a dot behind. Several # in
    # a row say what one says, and would make the expression take its time.
    parts: list[str] = []
    for word in checked_pattern(pattern).split("."):
        part = {"*": r"\.[^.]+", "#": r"(?:\.[^.]+)*"}.get(word) or rf"\.{re.escape(word)}"
        if word != "#" or not parts or parts[-1] != part:
            parts.append(part)
    return re.compile("".join(parts))
