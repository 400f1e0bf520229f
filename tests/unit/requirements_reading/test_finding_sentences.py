"""Sentences end where a reader would end them."""

from __future__ import annotations

import pytest

from agents.library.requirements.reading.sentences import sentence_spans

ONE = [
    "See Section 3.1.2 for details.",
    "Lockers, e.g. those in stations, shall open.",
    "Data (i.e. names and addresses) must be erased.",
    "It applies, cf. Art. 6 para. 1 of the Act, to all.",
    "Pursuant to Art. 6 Abs. 1 lit. f DSGVO ist das erlaubt.",
    "Lockers of type No. 5 shall open.",
    "It keeps to U.S. law at all times.",
    "The rate shall be 2.5 per cent.",
    "Version 1.2.3 must run.",
    "Visit http://example.org/a.b for more.",
    "The notes of J. R. Smith shall be kept.",
    "Die Frist endet am 31. Dezember 2026.",
    "Das gilt z. B. für Nutzer und d. h. für alle.",
    'The message "Stop. Wait." shall be shown.',
    "Certificates (see the policy. It is public) must be renewed.",
    "The display shows names, addresses etc. of couriers.",
    "Between 6 a.m. and 10 p.m. it must be quiet.",
    "Send it to [oauth. Review] first.",
]
TWO = [
    ("It shall open. It shall close.", 1),
    ("It is described in Section 3.1.2. The server checks it.", 1),
    ("Use the encoding of Appendix B. The value is used as it is.", 1),
    ("The client repeats step (C). If valid, it ends.", 1),
    ("It must start within 5 s. The user waits.", 1),
    ("It must answer within 500 ms. The user waits.", 1),
    ("It must end within 5 min. The user waits.", 1),
    ("The answer is no. The user waits.", 1),
    ("It prints names, dates etc. Users may turn it off.", 1),
    ("It protects the client.  (It protects nothing else.)", 1),
    ("(It protects the client.) Nothing else is protected.", 1),
    ('The value MUST be "code". It is fixed.', 1),
    ('It says "code."  Then it stops.', 1),
    ("It shall open.  client_id names it.", 1),
    ("Is it open? Then close it.", 1),
    ("Es gilt „Zitat.“ Danach endet es.", 1),
    ("规范如下。客户端必须遵守。", 1),
    ("It uses 10 lockers. 5 of them are open.", 1),
]


@pytest.mark.parametrize("passage", ONE)
def test_is_one_sentence(passage: str) -> None:
    assert [passage[start:end] for start, end in sentence_spans(passage)] == [passage]


@pytest.mark.parametrize(("passage", "breaks"), TWO)
def test_is_two_sentences(passage: str, breaks: int) -> None:
    spans = list(sentence_spans(passage))
    assert len(spans) == breaks + 1, [passage[start:end] for start, end in spans]
