"""Loading a blueprint: from text to a checked value, or to all of its mistakes, each with line, column and hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_site.digests import digest_of
from projects.blueprints import not_yet
from projects.blueprints.agent_checks import check_agents
from projects.blueprints.budget_checks import check_budgets
from projects.blueprints.errors import BlueprintInvalid, ExpressionInvalid, Problem
from projects.blueprints.evaluation import compile_expression
from projects.blueprints.expression_checks import check_expressions
from projects.blueprints.gate_checks import check_gates
from projects.blueprints.graph_checks import check_graph
from projects.blueprints.paths import Place, written
from projects.blueprints.schema import Blueprint, PhaseSpec, RetryPolicy, StepSpec
from projects.blueprints.schema_checks import check_schemas
from projects.blueprints.shaping import Finding, shape
from projects.blueprints.step_checks import check_steps
from projects.blueprints.swarm_checks import check_swarms
from projects.blueprints.yaml_tree import LARGEST, Tree, read_tree

_CHECKS: tuple[Callable[[Blueprint], Iterator[Finding]], ...] = (
    check_steps,
    check_agents,
    check_graph,
    check_gates,
    check_budgets,
    check_schemas,
    check_expressions,
    check_swarms,
)


_GOT_LATER = frozenset({"deadline", "plan_changes"})
_GATES_GOT_LATER = {"on_exhausted": "fail"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A blueprint, the SHA-256 of what it means (white space, comments and key order are nothing), and its text."""

    blueprint: Blueprint
    digest: str
    source: str


def load_file(path: str | Path, *, origin: str | None = None) -> Loaded:
    """The blueprint of a file. Raises ``BlueprintInvalid`` with every mistake, also where it cannot be read."""
    name = origin or str(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST * 4 + 1)
    except OSError as error:
        raise _unreadable(name, f"the file cannot be read: {error.strerror or error}") from None
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise _unreadable(name, "the file is not UTF-8", "Save it as UTF-8.", line, column) from None
    return load_text(source, origin=name)


def load_text(source: str, *, origin: str = "<text>") -> Loaded:
    """The blueprint of a text. Raises ``BlueprintInvalid`` with every mistake, in the order of their lines."""
    tree = read_tree(source, origin)
    shaped = shape(tree.value)
    findings = list(shaped.findings)
    if shaped.blueprint is not None:
        broken = [finding.place for finding in findings]
        complete = _complete(shaped.blueprint)
        findings += [each for each in mistakes_in(complete) if not _follows_from(each.place, broken)]
        if not findings:
            return Loaded(complete, digest_of(_meaning(complete)), source)
    problems = list(dict.fromkeys(located(finding, tree, origin) for finding in findings))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    raise BlueprintInvalid(problems=problems)


def mistakes_in(blueprint: Blueprint) -> Iterator[Finding]:
    """What is wrong with a blueprint that has the shape of one."""
    for check in _CHECKS:
        yield from check(blueprint)
    yield from not_yet.check_not_yet(blueprint, not_yet.NOT_YET)


def _meaning(blueprint: Blueprint) -> dict[str, Any]:
    """What the digest is over. A key that the language got later counts only where it is used.

    Otherwise every version that is registered would become another with the next version of this program.
    """
    said = blueprint.model_dump(mode="json")
    for phase in said["phases"]:
        gate = phase["gate"] or {}
        for key, default in _GATES_GOT_LATER.items():
            if gate.get(key) == default:
                del gate[key]
    return {key: value for key, value in said.items() if value is not None or key not in _GOT_LATER}


def _follows_from(place: Place, broken: list[Place]) -> bool:
    """Whether a mistake may be there only because of another: in the same step, gate or budget, or in schemas."""
    together = 2 if place[:1] == ("budgets",) else 4
    return any(place[:together] == other[:together] or other[:1] in (("inputs",), ("variables",)) for other in broken)


def located(finding: Finding, tree: Tree, origin: str) -> Problem:
    """A mistake with the line and column where it stands."""
    mark = tree.keys.get(finding.place) if finding.at_key else None
    mark = mark or tree.mark(finding.place)
    return Problem(origin, mark.line, mark.column, written(finding.place), finding.message, finding.hint)


def _complete(blueprint: Blueprint) -> Blueprint:
    """The blueprint with the defaults written into each step that does not say otherwise."""
    phases = tuple(_complete_phase(phase, blueprint) for phase in blueprint.phases)
    return blueprint.model_copy(update={"phases": phases})


def _complete_phase(phase: PhaseSpec, blueprint: Blueprint) -> PhaseSpec:
    here = {step.key for step in phase.steps}
    return phase.model_copy(update={"steps": tuple(complete_step(step, here, blueprint) for step in phase.steps)})


def complete_step(step: StepSpec, here: set[str], blueprint: Blueprint) -> StepSpec:
    """The step with what its blueprint says for all; ``here`` are the keys of its phase."""
    said, defaults = step.model_fields_set, blueprint.defaults
    update: dict[str, Any] = {"retry": _complete_retry(step.retry, defaults.retry)}
    update |= {key: getattr(defaults, key) for key in ("timeout", "queue") if key not in said}
    update["needs"] = (*step.needs, *_needed_for_list(step, here))
    return step.model_copy(update=update)


def _needed_for_list(step: StepSpec, here: set[str]) -> list[str]:
    """The steps of the phase out of whose results ``for_each`` takes its list: it is made when they are known."""
    if step.for_each is None:
        return []
    try:
        paths = compile_expression(step.for_each).references
    except ExpressionInvalid:
        return []
    read = dict.fromkeys(path[1] for path in paths if path[0] == "results" and len(path) > 1)
    return [key for key in read if key in here and key not in (*step.needs, step.key)]


def _complete_retry(said: RetryPolicy, default: RetryPolicy) -> RetryPolicy:
    return default.model_copy(update={key: getattr(said, key) for key in said.model_fields_set})


def _unreadable(origin: str, message: str, hint: str = "", line: int = 0, column: int = 0) -> BlueprintInvalid:
    return BlueprintInvalid(problems=[Problem(origin, line, column, "", message, hint)])
