"""Whatever a document looks like: no normative word is lost, and every citation is verbatim."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.library.requirements.integration import Policy, integrate, ledgers, verified_share
from agents.library.requirements.requirement import Status
from tests.unit.requirements.running import opened_text, reviewed_in

KEY_WORDS = re.findall(
    r"\S+",
    "must MUST shall SHALL should SHOULD may MAY May required REQUIRED recommended OPTIONAL optional "
    "obliged prohibited forbidden mandatory must-have _must_ is_required -must must- shall/may must必 "
    "*must* darf muss",
)
OTHERS = re.findall(
    r"\S+",
    "the The server client (not) not it they If if when , ; : . ? \" ' ( ) and or which that e.g. be "
    "have to is are required-to 5 2119 key words Example: der die das und ist nicht",
)
LINES = (
    " ",
    "\n",
    "\n\n",
    "\n\n   o  ",
    "\n\n   (a) ",
    "\n1. ",
    "\n\n# ",
    "\n\n      ",
    "\n\n2.  Part\n\n",
    "\f",
    "| ",
)
words = st.one_of(st.sampled_from(KEY_WORDS), st.sampled_from(OTHERS), st.text(min_size=1, max_size=6))
texts = st.lists(st.tuples(words, st.sampled_from(LINES)), min_size=3, max_size=60).map(
    lambda pairs: "A must. " + "".join(word + gap for word, gap in pairs)
)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_no_normative_word_is_lost_and_every_citation_is_verbatim(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode().replace("\x00", "")
    document = opened_text(text)
    found = integrate(reviewed_in(text), Policy()).requirements
    (book,) = ledgers(found, [document]).values()
    assert book.missed == ()
    assert verified_share(found, [document]) == 1.0
    assert all(one.rejection for one in found if one.status is Status.REJECTED)
    assert all(one.findings for one in found if one.status is Status.FAILED)
