"""The objects and messages that a statement speaks of: what the knowledge graph links requirements by."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MESSAGE_NOUN = (
    r"requests?|responses?|messages?|notifications?|replies|reply|acknowledge?ments?|errors?|alerts?|commands?|"
    r"queries|query|invoices?|confirmations?|redirects?|redirection|e-?mails?"
)
_STOP = (
    r"the|a|an|any|each|every|all|such|its|their|this|that|these|those|of|to|in|on|at|for|by|with|from|and|or|not|be|is|"
    r"are|as|if|when|where|must|shall|should|may|will|can|cannot|which|who|it|they|other|following|has|have|been|no|only|"
    r"via|using|include|includes|including|send|sends|return|returns|receive|receives|make|makes|making|issue|an|both|"
    r"one|more|than|into|within|between|unless|because|upon|after|before|during|same|also|provide|provided|required|"
    r"sending|receiving|returning|issuing|handling|whose|does|do|then|about|per|without|out|so|received|made|sent|since|"
    r"ignore|ignores|require|requires|requiring|protect|register|define|detect|validate|verify|enforce|process|prevent|"
    r"guessing|generating|preventing|adding|maintain|containing|automatically|potentially|explicit|two|first|additional|"
    r"missing|invalid|mismatching|requested|issued|was|were|own|existing|new|old|initial|actual|multiple|if|but|only|"
    r"unrecognized|authenticating|keep|keeps|store|stores|display|displays|show|shows|allow|allows|use|uses|used|able|"
    r"open|create|update|delete|search|select|add|remove|print|generate|notify|inform|repeated|entire|under|over|s"
)
_OBJECT_HEAD = (
    r"server|client|user|owner|token|code|credentials?|password|endpoint|URI|parameter|identifier|grant|scope|agent|"
    r"system|product|application|service|database|record|file|account|session|page|screen|form|report|device|network|"
    r"interface|module|component|document|data|order|payment|customer|controller|processor|authority|subject|"
    r"administrator|operator|website|header|field|value|certificate|key|log|resource|secret|state|profile|contract|patient"
)
_MESSAGE = re.compile(
    rf"\b(?P<name>(?:(?!(?:{_STOP})\b)[A-Za-z][\w-]*\s+){{0,3}}(?:{_MESSAGE_NOUN}))\b"
    rf"(?!\s+(?:{_OBJECT_HEAD})s?\b)(?!-)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“`]([A-Za-z_][\w ./:-]{0,40})[\"”`]")
_OBJECT = re.compile(rf"\b(?P<name>(?:(?!(?:{_STOP})\b)[A-Za-z][\w-]*\s+){{0,2}}(?:{_OBJECT_HEAD})s?)\b", re.IGNORECASE)
_ACRONYM = re.compile(r"[A-Z]{2,}s?$")
_MOST = 8


def messages_in(statement: str) -> tuple[str, ...]:
    """The messages named: "access token request", "error response"; at most 8, in order."""
    return _unique(_singular(match.group("name")) for match in _MESSAGE.finditer(statement))


def objects_in(statement: str) -> tuple[str, ...]:
    """The things named: quoted identifiers and noun phrases such as "authorization server"; at most 8, in
    order.
    """
    quoted = [match.group(1).strip() for match in _QUOTED.finditer(statement)]
    nouns = [_singular(match.group("name")) for match in _OBJECT.finditer(_QUOTED.sub(" ", statement))]
    return _unique([*nouns, *quoted])


def _singular(name: str) -> str:
    folded = " ".join(name.split())
    words = [word if _ACRONYM.match(word) or "_" in word else word.lower() for word in folded.split()]
    last = words[-1]
    if last.endswith("ies") and len(last) > 4:
        words[-1] = last[:-3] + "y"
    elif last.endswith("s") and not last.endswith(("ss", "us", "is", "credentials")) and last.lower() != last.upper():
        words[-1] = last[:-1]
    return " ".join(words)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[:_MOST]
