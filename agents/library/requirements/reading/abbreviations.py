"""Abbreviations of English and German prose, by what a full stop after them means."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEVER_END = _words(
    "e.g i.e eg ie cf vs viz resp approx ca incl excl dr mr mrs prof st jr sr eq eqs sect ch chap rev ver dept est "
    "intl gov bzw vgl ggf z.b d.h u.a "
    "bspw evtl gem i.d.r i.s.d i.v.m inkl zzgl sog ziff buchst lit rn rz anm hrsg s.o "
    "s.u o.ä u.u m.e str zb dh entspr adj adv"
)
"""After these a full stop never ends a sentence."""
NUMBERED = _words(
    "no nos nr art arts abs fig figs sec secs par para paras cl ref refs ed eds min max mind tel vol pp kap"
)
"""After these it does not if a number follows; some are words or units too ("no", "art", "5 min")."""
MAY_END = _words("etc usw a.m p.m ff f")
"""After these it does if a capital follows."""
RARELY_END = _words("u.s u.k u.s.a e.u u.n inc ltd corp co al bros jan feb mar apr jun jul aug sep sept oct nov dec")
"""After these it does if a word follows that begins sentences."""
OPENERS = _words(
    "The This That These Those A An It Its If In When Where For Each Every Any All No Such They We You He She There "
    "However As At By On To Note Der Die Das Ein Eine Es Wenn Sofern Bei Für Jede Jeder Alle Dies Diese Dieser Er Sie"
)
"""Words that begin sentences and are rarely capitalised within one."""
MONTHS = _words(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember Jahrhundert Quartal"
)
"""After an ordinal such as "31." these go on with the sentence."""
