"""Two projects side by side: what they were given, what was planned, and how each step went in one and the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from agents.reporting import Cell, Items, ReportContent, Section, Table
from orchestrator_site.digests import digest_of
from projects.models import Attempt, PlanVersion, Project, Step
from projects.reports.comparing import NotComparable, compare_projects
from projects.reports.durations import in_words
from projects.reports.results import latest


@dataclass(frozen=True, slots=True)
class Side:
    """How a step went in one project: its latest round, and what all its attempts have used."""

    state: str
    round: int
    carried: bool
    result_sha256: str | None
    seconds: float | None
    attempts: int
    tokens_in: int
    tokens_out: int
    cost: float


@dataclass(frozen=True, slots=True)
class StepPair:
    """A step by its key; a side is None where that project has no such step. ``differs`` names what is not the same.

    Times are told and not counted as a difference: they are never the same.
    """

    key: str
    a: Side | None
    b: Side | None
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was given or planned: what it is in one and in the other, None where it is not there."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything; ``findings`` is what became of one's findings in the other, where both report on the same things."""

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    inputs: tuple[Difference, ...]
    documents: tuple[Difference, ...]
    plan: tuple[Difference, ...]
    steps: tuple[StepPair, ...]
    findings: ReportContent | None

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        plain = {
            "a": dict(self.a),
            "b": dict(self.b),
            "findings": self.findings.to_json() if self.findings is not None else None,
        }
        rows = {name: [asdict(row) for row in getattr(self, name)] for name in ("inputs", "documents", "plan", "steps")}
        return plain | rows

    def content(self) -> ReportContent:
        """The same, to be read by people."""
        sections: list[Section] = [
            _differences("Inputs", self.inputs),
            _differences("Documents", self.documents),
            _differences("Plan", self.plan),
            Table(
                "Steps",
                ("Step", "A", "B", "Time A", "Time B", "Attempts A", "Attempts B", "Cost A", "Cost B", "Differs"),
                tuple(_row(pair) for pair in self.steps),
            ),
        ]
        if self.findings is not None:
            sections += self.findings.sections
        return ReportContent("A and B side by side", tuple(sections), self.to_json())


def side_by_side(a: Project, b: Project) -> Comparison:
    """Compare two projects, of whatever blueprints."""
    try:
        findings = compare_projects(a, b)
    except NotComparable:
        findings = None
    plans = [_plan_of(project) for project in (a, b)]
    sides = [_sides_of(project) for project in (a, b)]
    return Comparison(
        a=_head(a),
        b=_head(b),
        inputs=_between(a.inputs, b.inputs),
        documents=_between(_documents_of(a), _documents_of(b)),
        plan=_planned(*plans),
        steps=tuple(
            StepPair(key, sides[0].get(key), sides[1].get(key), _differing(sides[0].get(key), sides[1].get(key)))
            for key in dict.fromkeys([*sides[0], *sides[1]])
        ),
        findings=findings,
    )


def _head(project: Project) -> dict[str, Any]:
    seconds = None
    if project.started_at is not None and project.finished_at is not None:
        seconds = round((project.finished_at - project.started_at).total_seconds(), 3)
    return {
        "id": str(project.pk),
        "title": project.title,
        "blueprint": {"name": project.blueprint.name, "version": project.blueprint.version},
        "state": project.state,
        "plan_version": project.plan_version,
        "rerun_of": str(project.rerun_of_id) if project.rerun_of_id else None,
        "seconds": seconds,
    }


def _documents_of(project: Project) -> dict[str, str]:
    return dict(project.documents.order_by("position").values_list("name", "content_id"))


def _plan_of(project: Project) -> dict[str, dict[str, Any]]:
    """What each step is to do by the project's present plan, with the phase that it is in."""
    version = PlanVersion.objects.filter(project=project, number=project.plan_version).first()
    return {
        step["key"]: {**step, "phase": phase["key"]}
        for phase in (version.plan if version is not None else ())
        for step in phase["steps"]
    }


def _planned(a: Mapping[str, dict[str, Any]], b: Mapping[str, dict[str, Any]]) -> tuple[Difference, ...]:
    found: list[Difference] = []
    for key in dict.fromkeys([*a, *b]):
        if key in a and key in b:
            found += (Difference(f"{key}.{each.name}", each.a, each.b) for each in _between(a[key], b[key]))
        else:
            found.append(Difference(key, *("planned" if key in plan else None for plan in (a, b))))
    return tuple(found)


def _between(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    names = dict.fromkeys([*a, *b])
    return tuple(Difference(name, a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name))


def _sides_of(project: Project) -> dict[str, Side]:
    results, _ = latest(project)
    used = {
        row["step_key"]: row
        for row in Attempt.objects.taken()
        .filter(step__project=project)
        .values(step_key=Coalesce(F("step__parent__key"), F("step__key")))
        .annotate(attempts=Count("id"), tokens_in=Sum("tokens_in"), tokens_out=Sum("tokens_out"), cost=Sum("cost"))
        .order_by()
    }
    in_order = Step.objects.filter(project=project, parent=None).order_by("round").defer("result", "item", "spec")
    newest = {step.key: step for step in in_order}
    places = dict(project.phases.values_list("pk", "position"))
    by_place = sorted(newest.values(), key=lambda step: (places[step.phase_id], step.position))
    return {step.key: _side(step, results, used.get(step.key, {})) for step in by_place}


def _side(step: Step, results: Mapping[str, Any], used: Mapping[str, Any]) -> Side:
    seconds = None
    if step.started_at is not None and step.finished_at is not None:
        seconds = round((step.finished_at - step.started_at).total_seconds(), 3)
    return Side(
        state=step.state,
        round=step.round,
        carried=step.carried_from_id is not None,
        result_sha256=digest_of(results[step.key]) if step.key in results else None,
        seconds=seconds,
        attempts=used.get("attempts", 0),
        tokens_in=used.get("tokens_in") or 0,
        tokens_out=used.get("tokens_out") or 0,
        cost=float(used.get("cost") or 0),
    )


_COMPARED = ("state", "result_sha256", "attempts", "tokens_in", "tokens_out", "cost")


def _differing(a: Side | None, b: Side | None) -> tuple[str, ...]:
    if a is None or b is None:
        return ("planned",)
    return tuple(name.removesuffix("_sha256") for name in _COMPARED if getattr(a, name) != getattr(b, name))


def _differences(title: str, found: Iterable[Difference]) -> Section:
    rows = tuple((each.name, _shown(each.a), _shown(each.b)) for each in found)
    return Table(title, ("What", "A", "B"), rows) if rows else Items(title, (), "The same.")


def _shown(value: Any) -> Cell:
    return "—" if value is None else value if isinstance(value, int | float) else str(value)


def _row(pair: StepPair) -> tuple[Cell, ...]:
    a, b = pair.a, pair.b
    return (
        pair.key,
        _standing(a),
        _standing(b),
        in_words(a.seconds) if a is not None and a.seconds is not None else "—",
        in_words(b.seconds) if b is not None and b.seconds is not None else "—",
        a.attempts if a is not None else "—",
        b.attempts if b is not None else "—",
        a.cost if a is not None else "—",
        b.cost if b is not None else "—",
        ", ".join(pair.differs) or "—",
    )


def _standing(side: Side | None) -> str:
    if side is None:
        return "—"
    return f"{side.state}, carried" if side.carried else side.state
