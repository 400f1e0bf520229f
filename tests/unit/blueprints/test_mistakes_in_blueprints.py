"""Each mistake that a blueprint can hold: where it is said to be, what is said, and what is offered."""

from __future__ import annotations

import pytest

from tests.unit.blueprints.documents import HEAD, HEAD_LINES, problems_of, with_phases, with_steps

STEP = HEAD_LINES + 4  # the line of the first step

SHAPES = [
    ("- {key: a, agnt: x}", "phases[0].steps[0].agnt: there is no key 'agnt' here. Did you mean 'agent'?"),
    ("- {key: a, agent: x, quality: []}", "quality: there is no key 'quality' here. `quality` is a key of a gate."),
    ("- {agent: x}", "phases[0].steps[0]: the key 'key' is missing. Write, for instance, `key: research`."),
    (
        "- {key: Bad Key, agent: x}",
        "steps[0].key: 'Bad Key' is no name: small letters, digits and `_`, a letter first.",
    ),
    ("- {key: Bad Key, agent: x}", "Write, for instance, 'bad_key'."),
    ("- {key: a-b, agent: x}", "Write, for instance, 'a_b'."),
    ("- {key: a, agent: 5}", "steps[0].agent: text is needed here, and this is a number: 5. Put it between quotes."),
    ("- {key: a, agent: x, needs: b}", "needs: a list is needed here, and this is text: 'b'. Write [a, b]"),
    ("- {key: a, agent: x, params: [1]}", "params: an object (key: value) is needed here, and this is a list: [1]."),
    ("- {key: a, agent: x, params: }", "params: an object (key: value) is needed here, and nothing is written."),
    ("- {key: a, agent: x, queue: gpu}", "queue: 'gpu' is none of cpu, io."),
    ("- {key: a, agent: x, kind: aproval}", "kind: 'aproval' is none of agent, approval, wait, project, saga, swarm"),
    ("- {key: a, agent: x, kind: aproval}", "Did you mean 'approval'?"),
    ("- {key: a, agent: x, on_failure: fail | continue}", "none of fail, continue, skip_dependents. Choose one"),
    ("- {key: a, agent: x, timeout: 5 minutes}", "timeout: '5 minutes' is no duration. Write a number with a unit"),
    ("- {key: a, agent: x, timeout: 0}", "timeout: 0.0 is too small: more than 0 is needed."),
    ("- {key: a, agent: x, timeout: -3}", "timeout: the duration -3 is outside 0 s to ten years."),
    ("- {key: a, agent: x, timeout: 9999d}", "timeout: the duration 9999d is outside 0 s to ten years."),
    ("- {key: a, agent: x, timeout: true}", "timeout: a duration is text such as 90s, or a number of seconds."),
    ("- {key: a, agent: x, timeout: 1m1h}", "its units go from the largest to the smallest, each once."),
    ("- {key: a, agent: x, retry: {max_attempts: 0}}", "retry.max_attempts: 0 is too small: the least is 1."),
    ("- {key: a, agent: x, retry: {max_attempts: 1.5}}", "a whole number is needed here, and this is a number: 1.5."),
    ("- {key: a, agent: x, retry: 3}", "retry: an object (key: value) is needed here, and this is a number: 3."),
    ("- {key: a, agent: x, retry: {jitter: some}}", "retry.jitter: 'some' is none of none, full, equal, decorrelated."),
    ("- {key: a, agent: x, max_parallel: 0}", "max_parallel: 0 is too small: the least is 1."),
    ("- {key: a, agent: x, when: true}", "when: text is needed here, and this is true or false: True."),
    ("- {key: a, agent: x, when: ''}", "when: the text is empty. Write something, or remove the key."),
]


@pytest.mark.parametrize(("steps", "expected"), SHAPES, ids=[said[:60] for _, said in SHAPES])
def test_a_value_of_the_wrong_shape_is_told_with_its_place(steps: str, expected: str) -> None:
    problems = problems_of(with_steps(steps))
    assert any(expected in problem and f"file.yaml:{STEP}:" in problem for problem in problems), problems


PERFORMERS = [
    ("- {key: a}", "steps[0]: the step 'a' names no agent. Add `agent: NAME`."),
    ("- {key: a, agent: x, capability: y}", "a step names an agent or a capability, and this names both."),
    ("- {key: a, agent: x, max_parallel: 3}", "max_parallel is for steps with `for_each`."),
    ("- {key: a, agent: x, version: '>1'}", "version: `version` goes with `capability`."),
    ("- {key: a, capability: x, version: newest}", "version: 'newest' is no version range."),
    ("- {key: a, agent: x, wait: {for: 1h}}", "wait: `wait` belongs to steps of kind wait."),
    ("- {key: a, kind: wait, wait: {}}", "wait: there is nothing to wait for. Add `for: 2h`"),
    ("- {key: a, kind: wait}", "a step of kind wait says what it does in `wait`."),
    ("- {key: a, kind: wait, agent: x, wait: {for: 1h}}", "agent: a step of kind wait has no `agent`."),
    ("- {key: a, kind: scatter}", "the step 'a' names no capability to ask for."),
    ("- {key: a, agent: x, retry: {base: 2m}}", "retry: the longest wait, 60 s, is shorter than the first, 120 s."),
]

NEEDS = [
    (
        "- {key: rivals, agent: x}\n- {key: b, agent: x, needs: [rival]}",
        1,
        "steps[1].needs[0]: there is no step 'rival' in this phase. Did you mean 'rivals'?",
    ),
    ("- {key: a, agent: x, needs: [a]}", 0, "needs[0]: the step 'a' needs itself. Remove it from its own needs."),
    ("- {key: a, agent: x}\n- {key: b, agent: x, needs: [a, a]}", 1, "needs[1]: the step 'a' is needed twice."),
    ("- {key: a, agent: x}\n- {key: a, agent: x}", 1, "steps[1].key: the key 'a' belongs to another step already"),
    (
        "- {key: a, agent: x, needs: [b]}\n- {key: b, agent: x, needs: [a]}",
        0,
        "steps[0].needs: the steps wait for one another: a -> b -> a.",
    ),
    (
        "- {key: z, agent: x, needs: [c]}\n- {key: a, agent: x, needs: [b]}\n"
        "- {key: b, agent: x, needs: [c]}\n- {key: c, agent: x, needs: [a]}",
        1,
        "steps[1].needs: the steps wait for one another: a -> b -> c -> a.",
    ),
]


@pytest.mark.parametrize(("steps", "expected"), PERFORMERS, ids=[said[:60] for _, said in PERFORMERS])
def test_who_does_a_step_must_be_clear(steps: str, expected: str) -> None:
    problems = problems_of(with_steps(steps))
    assert any(expected in problem and f"file.yaml:{STEP}:" in problem for problem in problems), problems


@pytest.mark.parametrize(("steps", "line", "expected"), NEEDS, ids=[said[:60] for _, _, said in NEEDS])
def test_needs_must_lead_to_steps_and_never_in_a_circle(steps: str, line: int, expected: str) -> None:
    problems = problems_of(with_steps(steps))
    assert len(problems) == 1, problems
    assert expected in problems[0]
    assert f"file.yaml:{STEP + line}:" in problems[0]


TWO_PHASES = """\
- key: first
  steps:
    - {key: a, agent: x}
- key: second
  steps:
    - {key: b, agent: x, needs: [%s]}
- key: third
  steps:
    - {key: c, agent: x}
"""


def test_needs_stay_within_their_phase() -> None:
    (earlier,) = problems_of(with_phases(TWO_PHASES % "a"))
    assert "the step 'a' belongs to the earlier phase 'first'. Remove it: that phase is over by then" in earlier
    (later,) = problems_of(with_phases(TWO_PHASES % "c"))
    assert "the step 'c' belongs to the later phase 'third'." in later


def test_phase_keys_and_step_keys_are_given_once_in_the_whole_blueprint() -> None:
    phases = "- key: p\n  steps: [{key: a, agent: x}]\n- key: p\n  steps: [{key: a, agent: x}]\n"
    phase, step = problems_of(with_phases(phases))
    assert "phases[1].key: the key 'p' belongs to another phase already" in phase
    assert "phases[1].steps[0].key: the key 'a' belongs to another step already" in step


GATES = [
    (
        "quality: [{name: q, check: 'true', otherwise: review}]",
        "otherwise: review asks people, and this gate has no approval. Add `approval:` to the gate.",
    ),
    ("quality: [{name: q, check: 'true', otherwise: retry}]", "otherwise: 'retry' is none of fail, review, rework."),
    (
        "quality: [{name: q, check: 'true', otherwise: rework}]\nmax_iterations: 1",
        "gate.max_iterations: rework needs a second round, and max_iterations is 1.",
    ),
    (
        "quality: [{name: q, check: 'true'}, {name: q, check: 'true'}]",
        "quality[1].name: a condition is named 'q' already.",
    ),
    ("quality: [{name: q}]", "quality[0]: the key 'check' is missing."),
    ("approval: {}", "gate.approval: the key 'title' is missing."),
    (
        "approval: {title: t, on_timeout: escalate, deadline: 1h}",
        "on_timeout: escalate needs to know to whom. Add `escalate_to:",
    ),
    (
        "approval: {title: t, on_timeout: approve}",
        "on_timeout: approve never happens without a deadline. Add `deadline: 24h`.",
    ),
    (
        "approval: {title: t, deadline: 1h, escalate_to: {groups: [a]}}",
        "escalate_to: nobody escalates here. Add `on_timeout: escalate`.",
    ),
    (
        "approval: {title: t, deadline: 1h, on_timeout: escalate, escalate_to: {groups: []}}",
        "escalate_to.groups: the list is empty.",
    ),
    ("approval: {title: t, approvers: {groups: [a, a]}}", "approvers.groups: a group is named twice."),
    ("approval: {title: t, approvers: {quorum: 0}}", "approvers.quorum: 0 is too small: the least is 1."),
    (
        "approval: {title: t, form: {type: object}}",
        "approval.form: the form has no properties: there is nothing to edit.",
    ),
    (
        "approval: {title: t, form: {type: array, properties: {a: {}}}}",
        "form.type: the schema must describe an object.",
    ),
    ("approval: {title: t, form: {properties: {a: {type: strong}}}}", "form.properties.a.type: "),
    ("approval: {title: t, form: {properties: {a: {}}}, content: {b: 1}}", "content.b: the form has no property 'b'."),
    ("approvals: {title: t}", "gate.approvals: there is no key 'approvals' here. Did you mean 'approval'?"),
]


@pytest.mark.parametrize(("gate", "expected"), GATES, ids=[said[:60] for _, said in GATES])
def test_a_gate_must_come_to_an_end(gate: str, expected: str) -> None:
    problems = problems_of(with_steps("- {key: a, agent: x}\n", gate=gate))
    assert any(expected in problem for problem in problems), problems
    assert all(f"file.yaml:{STEP + 1}" in p or f"file.yaml:{STEP + 2 + gate.count(chr(10))}" in p for p in problems)


READING = [
    ("when: 'results.c.x > 1'", "there is no step 'c'. Steps that can be read here: a, b."),
    ("when: 'results.later.x > 1'", "the step 'later' runs in the later phase 'after'."),
    (
        "when: 'results.beside.x > 1'",
        "the step 'beside' may not have run yet. Add 'beside' to `needs` of the step 'here'.",
    ),
    ("when: 'results.here.x > 1'", "the step 'here' reads its own result."),
    ("when: 'size(results) > 1'", "results is read as a whole. Name the step whose result is meant: results.KEY."),
    ("when: 'inputs.prodct == \"\"'", "there is no input 'prodct'. Did you mean 'product'?"),
    ("when: 'inputs.product.x == 1'", "inputs.product is of type string and has no field 'x'."),
    ("when: 'inputs.options.depp'", "there is no field of inputs.options 'depp'. Did you mean 'deep'?"),
    ("when: 'inputs.note == \"\"'", "inputs.note may be missing: it is not required and has no default."),
    ("when: 'variables.limits > 1'", "there is no variable 'limits'. Did you mean 'limit'?"),
    ("when: 'approvals.before.text == \"\"'", "no phase 'before' has an approval. Phases with an approval: same."),
    ("when: 'approvals.same.text == \"\"'", "the approval of phase 'same' is not decided yet then."),
    ("when: 'project.name == \"\"'", "project has no field 'name'."),
    ("when: 'rework.rounds > 1'", "rework has no field 'rounds'. Did you mean 'round'?"),
    ("when: 'documents.first == 1'", "documents has no fields, so no 'first'."),
    ("when: 'item > 1'", "'item' can be read only in the params of a step with for_each."),
    ("params: {a: '${item}'}", "'item' can be read only in the params of a step with for_each."),
    ("params: {a: [{b: 'x ${results.zz.y}'}]}", "params.a[0].b: in `results.zz.y`, there is no step 'zz'."),
    ("params: {a: '${results.a'}", "params.a: ${results.a has no closing brace. Close it with }, or write $${"),
    ("when: 'input.product == \"\"'", "there is nothing named 'input'. Did you mean 'inputs'?"),
    (
        "when: 'results.a.x > 1 and true'",
        "`and` stands at character 17 where an operator or the end should be. Write && for and.",
    ),
    ("when: '1 ='", "'=' is no operator; did you mean '=='?"),
    ("when: '1 +'", "the expression ends where a value should be."),
    ('when: "\'abc"', "is never closed"),
    ("when: '${results.a.x}'", 'when: an expression is written here without ${…}. Write "results.a.x".'),
    ("when: 'len(results.a.x) > 1'", "there is no function len()."),
    ("when: 'results.a.x.exist(i, i > 1)'", "there is no function exist(). Did you mean 'exists'?"),
    ("when: 'size(1, 2) > 1'", "size() takes 1 value in its brackets."),
    ("when: 'has(results)'", "has() takes one field, such as has(results.market.confidence)."),
    ("when: 'results.a.x.all(i > 1)'", "all() takes a variable and an expression"),
    (
        "when: 'results.a.x.all(inputs, inputs > 1)'",
        "the variable of all() must not be named 'inputs': that is a root.",
    ),
    ("when: 'matches(inputs.product, \"a\")'", "matches() is written after its value: VALUE.matches(…)."),
    ("when: 'true && __import__'", "there is nothing named '__import__'."),
    (f"when: '{'true && ' * 200}true'", "the expression has 1604 bytes; at most 1024 are read"),
    (f"when: '{'(' * 40}true{')' * 40}'", "the expression is nested more than 24 deep"),
    (f"when: '{'!' * 400}true'", "more than 100 operators, fields or calls stand one upon another"),
    ("when: '[1].all(i, [1].all(j, [1].all(k, true)))'", "stand 3 times in one expression, at most 2 are run"),
]

AROUND = """\
- key: before
  steps:
    - {key: a, agent: x}
- key: same
  steps:
    - {key: b, agent: x}
    - {key: beside, agent: x}
    - key: here
      agent: x
      needs: [b]
      %s
  gate: {approval: {title: t, content: {text: x}}}
- key: after
  steps:
    - {key: later, agent: x, params: {x: "${approvals.same.text} ${results.a} ${results.here.y}"}}
"""


@pytest.mark.parametrize(("line", "expected"), READING, ids=[said[:60] for _, said in READING])
def test_an_expression_reads_only_what_will_be_there(line: str, expected: str) -> None:
    problems = problems_of(with_phases(AROUND % line))
    assert len(problems) == 1, problems
    assert expected in problems[0]
    assert f"file.yaml:{HEAD_LINES + 12}:" in problems[0]


@pytest.mark.parametrize(
    "line",
    [
        "when: 'results.a.x > 1 && results.b.y && has(inputs.note) && inputs.note.size() > 1'",
        "when: 'inputs.options.deep || inputs.budget > variables.limit'",
        "for_each: 'results.a.items.filter(i, i.score > inputs.budget)'",
        "params: {a: '${project.id} ${intent} ${rework.round}', d: '${documents}', e: '$${not.read}'}",
        "when: 'results.a[\"some-key\"].x == null'",
    ],
)
def test_what_will_be_there_may_be_read(line: str) -> None:
    assert problems_of(with_phases(AROUND % line)) == []


def test_a_step_with_for_each_may_read_its_item_and_waits_for_its_list() -> None:
    from projects.blueprints.load import load_text

    steps = "- {key: a, agent: x}\n- {key: b, agent: x, for_each: results.a.items, params: {p: '${item.x} ${index}'}}\n"
    blueprint = load_text(with_steps(steps)).blueprint
    assert blueprint.phases[0].steps[1].needs == ("a",)


def test_a_list_out_of_a_step_that_waits_for_this_one_is_a_cycle() -> None:
    steps = "- {key: a, agent: x, needs: [b]}\n- {key: b, agent: x, for_each: results.a.items}\n"
    (problem,) = problems_of(with_steps(steps))
    assert "the steps wait for one another: a -> b -> a" in problem


SCHEMAS = [
    ("{type: list}", "inputs.type: the schema must describe an object."),
    ("{type: object, properties: {a: {type: text}}}", "inputs.properties.a.type: "),
    ("{required: product}", "inputs.required: must be of type array, and is text: 'product'."),
    ("{properties: {a: {pattern: '('}}}", "inputs.properties.a.pattern: '(' is no pattern that can be used here"),
    ("{properties: {a: {pattern: '(?=a)'}}}", "look-around"),
    (
        "{properties: {a: {$ref: 'http://localhost/x.json'}}}",
        "is not in this schema: references are written #/$defs/NAME",
    ),
    ("{properties: {a: {$ref: '#/$defs/b'}}}", "'#/$defs/b' is not in this schema"),
    (
        "{properties: {a: {type: string, default: 5}}}",
        "a.default: the default breaks its own schema: must be of type string",
    ),
    ("{$schema: 'http://json-schema.org/draft-07/schema#'}", "schemas are written in JSON Schema 2020-12"),
    ("{$id: 'x'}", "$id is not supported"),
]


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS, ids=[said[:60] for _, said in SCHEMAS])
def test_a_schema_must_be_one(schema: str, expected: str) -> None:
    source = f"name: a\nversion: 1\ntitle: t\ninputs: {schema}\nphases: [{{key: p, steps: [{{key: s, agent: x}}]}}]\n"
    problems = problems_of(source)
    assert any(expected in problem and problem.startswith("file.yaml:4:") for problem in problems), problems


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    source = HEAD.replace("version: 1", "version: one") + (
        "tilte: x\n"
        "phases:\n"
        "  - key: work\n"
        "    steps:\n"
        "      - {key: a, agent: x, timeout: soon}\n"
        "      - {key: b, agent: x, when: 'results.a.x ='}\n"
        "      - {key: c, agent: x, needs: [d]}\n"
        "    gate: {quality: [{name: q, check: 'true', otherwise: review}]}\n"
    )
    lines = [int(problem.split(":")[1]) for problem in problems_of(source)]
    assert lines == [2, HEAD_LINES + 1, HEAD_LINES + 5]
    # `version` has no stand-in, so what follows from a whole blueprint is looked at once that is mended.
    mended = problems_of(source.replace("version: one", "version: 1"))
    assert [int(problem.split(":")[1]) - HEAD_LINES for problem in mended] == [1, 5, 6, 7, 8]


def test_a_broken_step_does_not_make_others_look_broken() -> None:
    steps = "- {key: a, agent: x, needs: zzz}\n- {key: b, agent: x, needs: [a], when: 'results.a.x'}\n"
    assert len(problems_of(with_steps(steps))) == 1


def test_what_follows_from_a_broken_step_is_not_told_again() -> None:
    """Without its needs, which are no list, the step would read what may not have run."""
    steps = "- {key: a, agent: x}\n- {key: b, agent: x, needs: a, when: 'results.a.x > 1'}\n"
    (problem,) = problems_of(with_steps(steps))
    assert "needs: a list is needed here" in problem


@pytest.mark.parametrize(
    ("gate", "rounds"),
    [
        ("quality: [{name: q, check: 'true'}]", 1),
        ("quality: [{name: q, check: 'true', otherwise: rework}]", 3),
        ("approval: {title: t, on_reject: rework}", 3),
        ("approval: {title: t, on_reject: rework}\nmax_iterations: 5", 5),
    ],
)
def test_a_phase_that_may_be_worked_over_has_three_rounds_unless_it_says_otherwise(gate: str, rounds: int) -> None:
    from projects.blueprints.load import load_text

    found = load_text(with_steps("- {key: a, agent: x}\n", gate=gate)).blueprint.phases[0].gate
    assert found is not None
    assert found.max_iterations == rounds


def test_a_blueprint_without_phases_or_steps_is_refused() -> None:
    assert "phases: the list is empty. It needs at least one item." in problems_of(HEAD + "phases: []\n")[0]
    assert "steps: the list is empty." in problems_of(HEAD + "phases: [{key: a, steps: []}]\n")[0]
    assert "the key 'phases' is missing. A blueprint has at least one phase." in problems_of(HEAD)[0]
