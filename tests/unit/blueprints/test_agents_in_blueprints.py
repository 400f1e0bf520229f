"""How a blueprint says which agents are asked: what cannot be meant is told with its place, what can be loads."""

from __future__ import annotations

import pytest

from agents.gather import aggregation
from agents.gather.catalogue import _custom
from projects.blueprints.load import load_text
from projects.blueprints.schema import Blueprint, FallbackSpec, RouteSpec
from tests.unit.blueprints.documents import HEAD, HEAD_LINES, problems_of, with_steps

STEP = HEAD_LINES + 4  # the line of the first step

MISTAKES = [
    # kinds that have none
    (
        "{key: a, kind: wait, wait: {for: 1h}, route: weighted}",
        "route: a step of kind wait is no agent's work, and has",
    ),
    ("{key: a, kind: wait, wait: {for: 1h}, version: '>1'}", "version: a step of kind wait is no agent's work"),
    ("{key: a, kind: wait, wait: {for: 1h}, fallback: {value: 1}}", "fallback: a step of kind wait is no agent's work"),
    ("{key: a, kind: wait, wait: {for: 1h}, timeouts: {heartbeat: 3s}}", "timeouts: a step of kind wait is no agent's"),
    ("{key: a, kind: project, project: {blueprint: b}, fallback: {value: 1}}", "has no `fallback`. Remove it."),
    ("{key: a, agent: x, scatter: {quorum: 2}}", "scatter: `scatter` belongs to steps of kind scatter."),
    ("{key: a, kind: scatter, capability: x, route: weighted}", "route: a scatter asks all that have the capability"),
    (
        "{key: a, kind: scatter, capability: x, timeouts: {heartbeat: 3s}}",
        "timeouts.heartbeat: a scatter waits for nob",
    ),
    ("{key: a, agent: x, route: weighted}", "route: `route` goes with `capability`."),
    # routes
    ("{key: a, capability: x, route: least_laoded}", "Did you mean 'least_loaded'?"),
    ("{key: a, capability: x, route: 5}", "route: 5 is none of round_robin, least_loaded"),
    ("{key: a, capability: x, route: {strategy: contnt}}", "route.strategy: 'contnt' is none of"),
    ("{key: a, capability: x, route: {stratgy: content}}", "route.stratgy: there is no key 'stratgy' here. Did you m"),
    ("{key: a, capability: x, route: {rules: [{agents: [b]}]}}", "rules: rules are for the strategy content"),
    ("{key: a, capability: x, route: {strategy: weighted, rules: [{agents: [b]}]}}", "Add `strategy: content`."),
    ("{key: a, capability: x, route: {key: k}}", "route.key: a key is gone by where the strategy is affinity or"),
    (
        "{key: a, capability: x, route: {strategy: affinity, key: '${results.b}'}}",
        "route.key: in `results.b`, there is",
    ),
    ("{key: a, capability: x, route: {near: {}}}", "route.near: near what is not said. Add `region`, `zone`,"),
    ("{key: a, capability: x, route: {near: {latitude: 3}}}", "route.near: a place has a latitude and a longitude"),
    ("{key: a, capability: x, route: {near: {latitude: 200}}}", "near.latitude: 200 is too large"),
    ("{key: a, capability: x, route: {near: {region: '${intput}'}}}", "near.region: the expression `intput` cannot be"),
    # rules
    (
        "{key: a, capability: x, route: {strategy: content, rules: [{when: params.x >}]}}",
        "rules[0].when: the expression",
    ),
    ("{key: a, capability: x, route: {strategy: content, rules: [{when: inputs.x}]}}", "'inputs' cannot be read here"),
    ("{key: a, capability: x, route: {strategy: content, rules: [{when: '${params.x}'}]}}", 'Write "params.x".'),
    (
        "{key: a, capability: x, route: {strategy: content, rules: [{then: content}]}}",
        "then: 'content' is none of round",
    ),
    ("{key: a, capability: x, route: {strategy: content, rules: [{then: wieghted}]}}", "Did you mean 'weighted'?"),
    (
        "{key: a, capability: x, route: {strategy: content, rules: [{agents: [b]}, {agents: [c]}]}}",
        "rules[0]: a rule without `when` always holds: those after it are never reached. Put it last",
    ),
    # scatters
    (
        "{key: a, kind: scatter, capability: x, scatter: {aggregation: majorty}}",
        "there is no aggregation 'majorty'. Did",
    ),
    ("{key: a, kind: scatter, capability: x, scatter: {options: {by: x}}}", "options: 'all' takes no option 'by'"),
    (
        "{key: a, kind: scatter, capability: x, scatter: {aggregation: best, options: {order: up}}}",
        "is max or min, not",
    ),
    (
        "{key: a, kind: scatter, capability: x, scatter: {quorum: 5, at_most: 3}}",
        "quorum: a quorum of 5 cannot be where",
    ),
    (
        "{key: a, kind: scatter, capability: x, scatter: {deadline: 6m}}",
        "deadline: the deadline, 6m, is longer than the",
    ),
    # fallbacks
    (
        "{key: a, agent: x, fallback: {agent: x}}",
        "fallback.agent: the step falls back to 'x', the agent that could not",
    ),
    ("{key: a, agent: x, fallback: [{agent: y}, {agent: y}]}", "fallback[1].agent: the agent 'y' is fallen back to"),
    ("{key: a, agent: x, fallback: [{value: 1}, {agent: y}]}", "fallback[1]: a value before it always stands in"),
    ("{key: a, agent: x, fallback: {}}", "fallback: a fallback is an agent or a value: write `agent: NAME` or `value"),
    ("{key: a, agent: x, fallback: {agent: y, value: 1}}", "fallback: a fallback is an agent or a value"),
    ("{key: a, agent: x, fallback: []}", "fallback: there is nothing to fall back to. Add `agent: NAME`"),
    ("{key: a, agent: x, fallback: 5}", "fallback: an object (key: value) is needed here, and this is a number: 5."),
    (
        "{key: a, agent: x, fallback: [{agnt: y}]}",
        "fallback[0].agnt: there is no key 'agnt' here. Did you mean 'agent'",
    ),
    (
        "{key: a, agent: x, fallback: {value: 1, causes: [faild]}}",
        "fallback.causes[0]: 'faild' is none of failed, no_ag",
    ),
    ("{key: a, agent: x, fallback: {value: 1, causes: [no_agent]}}", "causes: a step waits for an agent without end"),
    # times
    ("{key: a, agent: x, timeouts: {}}", "timeouts: no limit is said."),
    (
        "{key: a, agent: x, timeouts: {hartbeat: 3s}}",
        "timeouts.hartbeat: there is no key 'hartbeat' here. Did you mean",
    ),
    ("{key: a, agent: x, timeouts: {schedule_to_close: 1m}}", "the time for all attempts, 1m, is shorter than that fo"),
    (
        "{key: a, agent: x, timeouts: {schedule_to_close: 10m, schedule_to_start: 11m}}",
        "schedule_to_start: the step is over after 10m, before it has waited as long as it may.",
    ),
    (
        "{key: a, agent: x, timeouts: {heartbeat: 6m}}",
        "heartbeat: an attempt is over after 5m, before the agent has be",
    ),
]


@pytest.mark.parametrize(("step", "expected"), MISTAKES, ids=[step[8:70] for step, _ in MISTAKES])
def test_what_cannot_be_meant_is_told_once_with_its_place(step: str, expected: str) -> None:
    (problem,) = problems_of(with_steps(f"- {step}"))
    assert expected in problem
    assert problem.startswith(f"file.yaml:{STEP}:")


SOUND = [
    "{key: a, capability: x, version: '>=1,<2', route: weighted}",
    "{key: a, capability: x, route: {near: {zone: a}}}",
    "{key: a, capability: x, route: {near: {latitude: 52.5, longitude: 13.4}}}",
    "{key: a, capability: x, route: {strategy: consistent_hash, key: '${project.id}'}}",
    "{key: a, capability: x, for_each: '[1, 2]', route: {strategy: affinity, key: '${item}'}}",
    "{key: a, capability: x, route: {strategy: content, rules: [{when: params.x > 3, then: failover}]}}",
    "{key: a, capability: x, route: {strategy: content, key: k, rules: [{then: affinity}]}}",
    "{key: a, kind: scatter, capability: x}",
    "{key: a, kind: scatter, capability: x, scatter: {quorum: 3, aggregation: best, options: {by: a.b, order: min}}}",
    "{key: a, kind: scatter, capability: x, fallback: {value: none}, timeouts: {schedule_to_start: 1h}}",
    "{key: a, agent: x, fallback: {value: null}}",
    "{key: a, agent: x, fallback: [{agent: y, causes: [timed_out]}, {agent: z}, {value: {a: 1}}]}",
    "{key: a, agent: x, fallback: [{value: 1, causes: [failed]}, {value: 2, causes: [timed_out]}]}",
    "{key: a, agent: x, timeout: 10s, timeouts: {schedule_to_start: 1m, heartbeat: 5s, schedule_to_close: 2m}}",
]


@pytest.mark.parametrize("step", SOUND)
def test_what_can_be_meant_loads(step: str) -> None:
    assert load_text(HEAD + with_steps(f"- {step}").removeprefix(HEAD)).blueprint.phases


def test_an_aggregation_of_ones_own_is_known_once_it_is_loaded() -> None:
    step = "- {key: a, kind: scatter, capability: x, scatter: {aggregation: middle, options: {whatever: 1}}}"
    assert "there is no aggregation 'middle'" in problems_of(with_steps(step))[0]
    aggregation("middle")(lambda answers, options: None)
    try:
        assert load_text(with_steps(step)).blueprint.phases
    finally:
        _custom.pop("middle")


def test_a_route_is_a_word_or_all_of_it_and_a_fallback_one_or_several() -> None:
    steps = "- {key: a, capability: x, route: weighted}\n- {key: b, capability: x, route: {strategy: weighted}}\n"
    steps += "- {key: c, agent: x, fallback: {value: 1}}\n- {key: d, agent: x, fallback: [{value: 1}]}"
    a, b, c, d = load_text(with_steps(steps)).blueprint.phases[0].steps

    assert RouteSpec.of(a.route) == RouteSpec.of(b.route)
    assert FallbackSpec.all_of(c.fallback) == FallbackSpec.all_of(d.fallback)
    assert [spec.value for spec in FallbackSpec.all_of(c.fallback)] == [1]


@pytest.mark.parametrize("said", ["{agent: y}", "{value: null}", "{value: {a: 1}}", "[{agent: y}, {value: null}]"])
def test_what_is_kept_of_a_fallback_is_read_back_as_it_was_said(said: str) -> None:
    blueprint = load_text(with_steps(f"- {{key: a, agent: x, fallback: {said}}}")).blueprint

    assert Blueprint.model_validate(blueprint.model_dump(mode="json")) == blueprint


def test_the_digest_of_a_blueprint_that_says_nothing_of_it_is_as_it_was() -> None:
    plain = load_text(with_steps("- {key: a, agent: x}")).blueprint.model_dump(mode="json")

    assert not {"fallback", "timeouts"} & set(plain["phases"][0]["steps"][0])
