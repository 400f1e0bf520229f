"""Budgets, estimates and limits of concurrency: what is refused, and what a blueprint without them stays."""

from __future__ import annotations

import pytest

from projects.blueprints.dump import dump_text
from projects.blueprints.load import load_text
from tests.unit.blueprints.documents import HEAD, problems_of, with_phases, with_steps

STEP = "- {key: a, agent: x}"

BUDGETS = [
    ("cost: {soft: 5, hard: 3}", "budgets.cost.soft: the soft limit, 5, lies above the hard one, 3. Nobody would be"),
    ("cost: {}", "budgets.cost: a limit has `soft`, `hard` or both, and this has none. Add `hard: NUMBER`."),
    ("cost: {hard: 3, raise_by: 1}", "budgets.cost.raise_by: what is raised is the soft limit. Add `soft: NUMBER`."),
    ("cost: {soft: 3, raise_by: 0}", "budgets.cost.raise_by: 0 is too small: more than 0 is needed."),
    ("cost: {hard: -1}", "budgets.cost.hard: -1 is too small: the least is 0"),
    ("cost: {hard: lots}", "budgets.cost.hard: a number is needed here, and this is text: 'lots'."),
    ("cost: {hard: true}", "budgets.cost.hard: a number is needed here, and this is true or false: True."),
    ("cost: 5", "budgets.cost: an object (key: value) is needed here, and this is a number: 5."),
    ("money: {hard: 5}", "budgets.money: there is no key 'money' here."),
    ("cost: {hrad: 5}", "budgets.cost.hrad: there is no key 'hrad' here. Did you mean 'hard'?"),
    ("agents: {y: {cost: {hard: 5}}}", "budgets.agents.y: no step is done by an agent 'y'. Agents of its steps: x."),
    ("agents: {x: {cost: {soft: 5, hard: 3}}}", "budgets.agents.x.cost.soft: the soft limit, 5, lies above the hard"),
    ("deadline: soon", "budgets.deadline: 'soon' is no duration."),
]


@pytest.mark.parametrize(("budgets", "expected"), BUDGETS, ids=[budgets for budgets, _ in BUDGETS])
def test_a_budget_that_cannot_be_kept_is_told_with_its_place(budgets: str, expected: str) -> None:
    problems = problems_of(with_steps(STEP).replace(HEAD, f"{HEAD}budgets: {{{budgets}}}\n"))

    assert len(problems) == 1, problems
    assert expected in problems[0]


STEPS = [
    ("concurrency: {key: k}", "steps[0].concurrency: the key 'limit' is missing."),
    ("concurrency: {limit: 1}", "steps[0].concurrency: the key 'key' is missing."),
    ("concurrency: {key: k, limit: 0}", "concurrency.limit: 0 is too small: the least is 1."),
    ("concurrency: {key: '', limit: 1}", "concurrency.key: the text is empty."),
    (
        "concurrency: {key: '${results.b}', limit: 1}",
        "'results' cannot be read here; what can: inputs, intent, project",
    ),
    ("concurrency: {key: '${inputs.prodct}', limit: 1}", "there is no input 'prodct'. Did you mean 'product'?"),
    ("concurrency: {key: '${inputs.note}', limit: 1}", "inputs.note may be missing"),
    ("concurrency: {key: '${inputs.product', limit: 1}", "Close it with }"),
    ("estimate: {launches: 1}", "estimate.launches: there is no key 'launches' here."),
    ("estimate: {cost: -1}", "estimate.cost: -1 is too small"),
]


@pytest.mark.parametrize(("said", "expected"), STEPS, ids=[said for said, _ in STEPS])
def test_what_a_step_says_wrong_is_told_with_its_place(said: str, expected: str) -> None:
    problems = problems_of(with_steps(f"- {{key: a, agent: x, {said}}}"))

    assert any(expected in problem for problem in problems), problems


def test_only_what_an_agent_does_has_an_estimate_or_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from projects.blueprints import not_yet

    monkeypatch.setattr(not_yet, "NOT_YET", ())
    said = "estimate: {cost: 1}, concurrency: {key: k, limit: 1}"

    problems = problems_of(with_steps(f"- {{key: a, kind: wait, wait: {{for: 1h}}, {said}}}"))

    assert ["estimate" in problems[0], "concurrency" in problems[1]] == [True, True]


@pytest.mark.parametrize(
    ("project", "phase"), [("cost: {hard: 5}", ""), ("agents: {x: {cost: {hard: 5}}}", ""), ("", "cost: {hard: 5}")]
)
def test_an_estimate_above_a_hard_limit_could_never_start(project: str, phase: str) -> None:
    steps = with_phases(
        f"- key: one\n  budgets: {{{phase}}}\n  steps: [{{key: a, agent: x, estimate: {{cost: 6}}}}]"
    ).replace(HEAD, f"{HEAD}budgets: {{{project}}}\n")

    [problem] = problems_of(steps)

    assert "phases[0].steps[0].estimate.cost: the estimate, 6, is above the hard limit of" in problem
    assert problems_of(steps.replace("cost: 6", "cost: 5")) == []


def test_a_blueprint_that_says_nothing_of_it_is_written_and_digested_as_before() -> None:
    """Its digest is kept with the versions that are registered: a new key must not change it."""
    loaded = load_text(with_steps(STEP))
    written = loaded.blueprint.model_dump(mode="json")

    assert "budgets" not in written
    assert "budgets" not in written["phases"][0]
    assert not {"estimate", "concurrency"} & set(written["phases"][0]["steps"][0])


def test_what_is_said_survives_being_written() -> None:
    source = with_phases(
        """
        - key: one
          budgets: {seconds: {soft: 60.5, raise_by: 30}}
          steps:
            - key: a
              agent: x
              estimate: {cost: 1, tokens: 500, seconds: 2.5}
              concurrency: {key: "${inputs.product}", limit: 2}
        """
    ).replace(
        HEAD,
        f"{HEAD}budgets: {{cost: {{soft: 5, hard: 10}}, agents: {{x: {{launches: {{hard: 3}}}}}}, "
        "approvers: {groups: [finance]}, deadline: 2h}\n",
    )
    first = load_text(source)

    again = load_text(dump_text(first.blueprint))

    assert again.blueprint == first.blueprint
    assert again.digest == first.digest
