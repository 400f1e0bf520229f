"""What reviewers asked to leave out when they sent the requirements back, read from their comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_IDS = r"REQ-\d{4,}(?:(?:\s*(?:,|and|&|und)\s*)+REQ-\d{4,})*"
_ASKED = re.compile(
    rf"(?P<not>\b(?:not|never|don't)\s+)?\b(?:exclude[ds]?|remove|drop|reject|delete|leave\s+out|without)\b\s+"
    rf"(?:requirements?\s+)?(?P<ids>{_IDS})(?:\s*(?::|,?\s*because|,?\s*since)\s*(?P<why>[^\n;]*))?",
    re.IGNORECASE,
)
_FOUND_WANTING = re.compile(
    rf"(?P<ids>{_IDS})\s*(?::|-|is|are)?\s*(?P<why>(?:clearly\s+)?(?:out\s+of\s+scope|irrelevant|superfluous|unnecessary|"
    r"no\s+requirements?|not\s+(?:ours|relevant|needed|wanted|in\s+scope|an?\s+requirements?))[^\n;]*)",
    re.IGNORECASE,
)
_ID = re.compile(r"REQ-\d{4,}", re.IGNORECASE)


def exclusions(comments: Sequence[str]) -> dict[str, str]:
    """Ids to leave out, each with the reviewer's reason (or the whole comment); later comments win.

    Understood are "exclude REQ-0007 and REQ-0009: their own system" and "REQ-0007 is out of scope"; "do not exclude
    REQ-0007" takes an earlier exclusion back.
    """
    found: dict[str, str] = {}
    for comment in comments:
        for match in _FOUND_WANTING.finditer(comment):
            found.update(dict.fromkeys(_ids(match), match.group("why").strip()))
        for match in _ASKED.finditer(comment):
            if match.group("not"):
                for identifier in _ids(match):
                    found.pop(identifier, None)
            else:
                found.update(dict.fromkeys(_ids(match), (match.group("why") or comment).strip()))
    return found


def _ids(match: re.Match[str]) -> Iterator[str]:
    return (identifier.upper() for identifier in _ID.findall(match.group("ids")))
