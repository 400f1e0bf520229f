"""The projects in whose middle something breaks."""

from __future__ import annotations

FAN_OUT_AND_JOIN = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 8}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {n: "${item}"}}
      - {key: first, agent: counted, needs: [each]}
      - {key: second, agent: counted-io, needs: [first]}
  - key: two
    steps:
      - {key: left, agent: counted}
      - {key: right, agent: counted}
      - {key: join, agent: counted, needs: [left, right]}
"""
PACKED = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 60}}
      - key: each
        agent: counted-brief
        needs: [list]
        for_each: results.list.items
        max_parallel: 60
        params: {seconds: 0}
      - {key: join, agent: counted, needs: [each]}
"""
PACKED_LONG = PACKED.replace("n: 60", "n: 240").replace("max_parallel: 60", "max_parallel: 240")
LONG_LIST = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 30}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {seconds: 0.05}}
      - {key: join, agent: counted-io, needs: [each]}
"""
POISON = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 12}}
      - key: each
        agent: poisoned
        needs: [list]
        for_each: results.list.items
        on_failure: continue
        params: {n: "${item}", poison: %d, seconds: 0.001}
      - {key: join, agent: counted, needs: [each]}
"""
SLOW_LIST = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 40}}
      - {key: each, agent: counted-slow, needs: [list], for_each: results.list.items, params: {seconds: 0.5}}
"""
SHORT_LIST = SLOW_LIST.replace("n: 40", "n: 12").replace("seconds: 0.5", "seconds: 0.25")
ENDLESS_LIST = SLOW_LIST.replace("n: 40", "n: 400")
ASKING = """
phases:
  - key: draft
    steps:
      - {key: a, agent: counted}
    gate: {approval: {title: Go on}}
  - key: then
    steps:
      - {key: b, agent: counted}
      - {key: c, agent: counted-io, needs: [b]}
"""
TWO_PHASES = """
phases:
  - key: one
    steps:
      - {key: a, agent: counted}
      - {key: b, agent: counted-io, needs: [a]}
  - key: two
    steps:
      - {key: c, agent: counted}
"""
PATIENT = """
phases:
  - key: one
    steps:
      - {key: a, agent: counted-patient, params: {seconds: 14}}
      - {key: b, agent: counted, needs: [a]}
"""
BUNDLED = (
    "phases: [{key: one, steps: ["
    + ", ".join(
        f"{{key: s{n}, agent: counted-brief, params: {{seconds: 0}}, needs: [{f's{n - 1}' if n else ''}]}}"
        for n in range(8)
    )
    + "]}]"
)
