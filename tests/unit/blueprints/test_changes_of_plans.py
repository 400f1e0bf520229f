"""``plan_changes``: who has to approve changes of a live plan, and what cannot be said there."""

from __future__ import annotations

import pytest

from orchestrator_site.digests import digest_of
from projects.blueprints.load import load_text
from tests.unit.blueprints.documents import problems_of, with_steps

PLAIN = with_steps("- {key: a, agent: x}\n")


def asking(approval: str) -> str:
    return PLAIN + f"plan_changes: {{approval: {approval}}}\n"


def test_changes_of_the_plan_can_be_put_to_people() -> None:
    blueprint = load_text(asking('{title: "Change ${project.title}?", approvers: {groups: [audit]}}')).blueprint

    assert blueprint.plan_changes is not None
    assert blueprint.plan_changes.approval.approvers.groups == ("audit",)
    assert load_text(PLAIN).blueprint.plan_changes is None


def test_the_digest_of_a_blueprint_that_says_nothing_of_it_is_what_it_was_before_there_was_the_key() -> None:
    """Registered versions are held to their digests: an upgrade must not refuse them all."""
    loaded = load_text(PLAIN)
    before = loaded.blueprint.model_dump(mode="json", exclude={"plan_changes", "deadline"})

    assert loaded.digest == digest_of(before)
    assert load_text(asking("{title: t}")).digest != loaded.digest


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        ("{}", "plan_changes.approval: the key 'title' is missing."),
        ("{title: t, on_reject: rework}", "approval.on_reject: a change that is rejected is not made"),
        ("{title: t, content: {a: 1}, form: {properties: {a: {}}}}", "nothing can be edited. Remove it."),
        ("{title: t, on_timeout: approve}", "approve never happens without a deadline"),
        ('{title: "${results.a}"}', "approval.title: the expression `results.a` cannot be used"),
        ('{title: "${inputs.produkt}"}', "there is no input 'produkt'. Did you mean 'product'?"),
        ('{title: "${variables.limits}"}', "there is no variable 'limits'. Did you mean 'limit'?"),
        ("{title: t, aprovers: {}}", "there is no key 'aprovers' here. Did you mean 'approvers'?"),
    ],
)
def test_what_is_wrong_with_it_is_told(approval: str, said: str) -> None:
    problems = problems_of(asking(approval))

    assert any(said in problem for problem in problems), problems
