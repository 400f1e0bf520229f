"""The reference is true: its examples load, and it names every key, kind, function and root of the language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from projects.blueprints import not_yet, schema
from projects.blueprints.catalogue import catalogue_paths, load_catalogue
from projects.blueprints.cel_reading import FUNCTIONS, MACROS, METHODS
from projects.blueprints.errors import BlueprintInvalid
from projects.blueprints.evaluation import ROOTS
from projects.blueprints.json_schema import blueprint_json_schema
from projects.blueprints.load import load_text

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "blueprint.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
RUN = [example for example in EXAMPLES if not example.startswith("# not run yet")]
LATER = [example for example in EXAMPLES if example.startswith("# not run yet")]

# The blueprint that the product is described by, each choice at its first alternative.
PRODUCT = """\
name: tool-launch
version: 3
title: Launch a tool
inputs:                        # JSON Schema 2020-12; a project whose inputs break it is refused
  type: object
  required: [product]
  properties: {product: {type: string}, budget: {type: number, default: 500}}
defaults:
  retry: {max_attempts: 3, backoff: exponential, base: 1s, cap: 60s, jitter: full}
  timeout: 5m                  # one attempt, start to close
phases:
  - key: research
    steps:
      - key: market
        agent: market-research               # by name …
        params: {topic: "${inputs.product}"}
      - key: rivals
        capability: research.competitors     # … or by capability with a version range, routed
        version: ">=1.2,<2"
        route: least_loaded
      - key: brief
        agent: brief-writer
        needs: [market, rivals]
        when: "results.market.confidence > 0.5"    # a condition; false means skipped
        on_failure: fail
        compensate: {agent: brief-archiver}
      - key: calls
        agent: caller
        for_each: "results.rivals.items"     # one step an item, made when the list is known
        max_parallel: 10
    gate:
      quality: [{name: coverage, check: "results.brief.coverage >= 0.8", otherwise: review}]   # fail | review | rework
      approval:
        title: Approve the brief
        approvers: {groups: [marketing], quorum: 2}
        form: {type: object, properties: {headline: {type: string}}}   # what an approver may edit
        deadline: 24h
        on_timeout: reject
        on_reject: fail
      max_iterations: 3
"""


@pytest.fixture
def all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(not_yet, "NOT_YET", ())


def places(source: str) -> list[str]:
    with pytest.raises(BlueprintInvalid) as refusal:
        load_text(source)
    assert all(
        "is not run yet by this version; remove it, or " in problem.message for problem in refusal.value.problems
    )
    return [f"{problem.line}:{problem.path}" for problem in refusal.value.problems]


@pytest.mark.usefixtures("all_runs")
def test_the_whole_example_of_the_product_loads() -> None:
    blueprint = load_text(PRODUCT).blueprint
    market, rivals, brief, calls = blueprint.phases[0].steps
    assert (market.timeout, market.retry.cap, rivals.version, brief.needs) == (
        300,
        60,
        ">=1.2,<2",
        ("market", "rivals"),
    )
    assert calls.needs == ("rivals",)
    gate = blueprint.phases[0].gate
    assert gate is not None
    assert gate.approval is not None
    assert (gate.max_iterations, gate.approval.deadline, gate.approval.approvers.quorum) == (3, 86_400, 2)


def test_of_the_example_only_what_does_not_run_yet_is_refused() -> None:
    assert places(PRODUCT) == ["26:phases[0].steps[2].compensate"]


@pytest.mark.parametrize("example", RUN, ids=[example.splitlines()[0] for example in RUN])
def test_the_examples_of_the_reference_load(example: str) -> None:
    assert load_text(example).blueprint.phases


def test_what_the_reference_calls_not_run_yet_is_refused_and_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    (later,) = LATER
    refused = {place.rpartition(".")[2] for place in places(later)}
    assert refused == {"kind", *(row.key for row in not_yet.NOT_YET)}
    monkeypatch.setattr(not_yet, "NOT_YET", ())
    steps = load_text(later).blueprint.phases[0].steps
    assert {step.kind for step in steps} == {schema.StepKind.AGENT, schema.StepKind.SAGA}


@pytest.mark.parametrize("row", not_yet.NOT_YET, ids=[f"{n}-{row.key}" for n, row in enumerate(not_yet.NOT_YET)])
def test_each_row_of_the_table_refuses_something(row: not_yet.NotYet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(not_yet, "NOT_YET", (row,))
    assert {place.rpartition(".")[2] for place in places(LATER[0])} == {row.key}


def models() -> Iterator[type[BaseModel]]:
    for name, value in vars(schema).items():
        if isinstance(value, type) and issubclass(value, BaseModel) and name != "BaseModel" and name[0] != "_":
            yield value


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_the_reference_names_every_key_and_every_choice(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in REFERENCE, name
        for choice in _choices(field.annotation):
            assert f"`{choice}`" in REFERENCE, choice


def _choices(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, schema.StepKind):
        return [kind.value for kind in annotation]
    parts = get_args(annotation)
    return [part for part in parts if isinstance(part, str)] + [each for part in parts for each in _choices(part)]


def test_the_reference_names_every_function_and_every_root() -> None:
    for name in (*FUNCTIONS, "has"):
        assert f"`{name}(" in REFERENCE, name
    for name in (*METHODS, *MACROS):
        assert f".{name}(" in REFERENCE, name
    for root in ROOTS:
        assert f"`{root}`" in REFERENCE, root


def test_the_schema_for_editors_accepts_the_examples_and_refuses_a_typing_error() -> None:
    Draft202012Validator.check_schema(blueprint_json_schema())
    validator = Draft202012Validator(blueprint_json_schema())
    for example in (PRODUCT, *EXAMPLES, *(path.read_text("utf-8") for path in catalogue_paths())):
        assert list(validator.iter_errors(yaml.safe_load(example))) == []
    for wrong in (PRODUCT.replace("agent: caller", "agnt: caller"), PRODUCT.replace("24h", "soon")):
        assert list(validator.iter_errors(yaml.safe_load(wrong)))


def test_every_blueprint_of_the_catalogue_loads() -> None:
    catalogue = load_catalogue()
    assert "hello" in catalogue
    assert len(catalogue) == len(catalogue_paths())
    greet, shout = catalogue["hello"].blueprint.phases[0].steps
    assert (greet.agent, shout.agent, shout.needs) == ("greeter", "shouter", ("greet",))


def test_the_digest_is_of_the_meaning() -> None:
    plain = RUN[0]
    reordered = "title: Say hello\n" + plain.replace("title: Say hello\n", "") + "# a remark\n"
    assert load_text(plain).digest == load_text(reordered).digest
    assert load_text(plain).digest != load_text(plain.replace("world", "you")).digest
