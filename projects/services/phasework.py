"""Working on the steps of one phase, under its lock: settle what follows of itself, and publish what is ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Now

from orchestrator_site.conf import conf
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects import canvas
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression
from projects.models import Dependency, Phase, Project, Step
from projects.planning.compiling import Branch, Leg, Wave, compile_wave, windows
from projects.planning.graph import Graph, Node, graph
from projects.planning.readiness import Standing, assess
from projects.services import publishing, results
from projects.services.contexts import Results, expression_context
from projects.services.kinds import KINDS
from projects.states import PhaseState, StepState

SYSTEM = "system"


class PhaseWork:
    """The steps of a phase's present round, as they are in the database under the phase's lock."""

    def __init__(self, project: Project, phase: Phase) -> None:
        self.project = project
        self.phase = phase
        self.steps: dict[str, Step] = {}
        self.needs: dict[str, tuple[str, ...]] = {}
        self._load()

    def settle(self) -> Standing:
        """Do all that follows without an agent's work, until nothing more does; how the phase stands then."""
        while True:
            self._settle_lists()
            self._settle_kinds()
            readiness = assess(self._graph())
            for key, need in readiness.skip:
                self._skip(self.steps[key], f"{need!r}, which it needs, did not complete", by_condition=False)
            changed = bool(readiness.skip)
            for key in readiness.ready:
                changed = self._decide(self.steps[key]) or changed
            if not changed:
                return readiness.standing

    def publish(self) -> int:
        """Send the ready steps that have not been sent; how many messages."""
        if self.phase.state != PhaseState.RUNNING:
            return 0
        present = self._graph()
        ready = [key for key, step in self.steps.items() if self._is_to_send(step)]
        sent: list[UUID] = []
        signatures: list[Any] = []
        if ready:
            signatures += self._signatures(compile_wave(present, ready), self.steps)
            sent += [self.steps[key].pk for key in ready]
        for parent in self._lists():
            for items in self._item_groups(parent):
                wave = Wave(tuple(Branch((Leg(item.pool, (item.key,)),)) for item in items))
                signatures += self._signatures(wave, {item.key: item for item in items})
                sent += [item.pk for item in items]
        if sent:
            Step.objects.filter(pk__in=sent, state=StepState.READY).update(published_at=Now())
            publishing.after_commit(signatures, sent)
        return len(signatures)

    def stop_starting(self) -> None:
        """Cancel what has not started: the phase has failed, or will once the last running step has ended."""
        Step.objects.filter(
            phase=self.phase, round=self.phase.round, state__in=(StepState.PENDING, StepState.READY)
        ).update(state=StepState.CANCELLED, finished_at=Now())
        self._load()
        self._settle_lists(closing=True)

    def failure(self) -> tuple[str, str]:
        """Code and sentence of the step that failed the phase first."""
        failed = [s for s in self.steps.values() if s.state == StepState.FAILED and s.on_failure == "fail"]
        first = min(failed, key=lambda step: step.finished_at.timestamp() if step.finished_at else 0)
        error = first.error or {}
        return (
            str(error.get("code", "step_failed")),
            f"Step {first.key!r} failed: {error.get('message', 'no reason was kept')}"
            + (f" ({error['cause']})" if error.get("cause") else ""),
        )

    # --- reading ---------------------------------------------------------------------------------------------

    def _load(self) -> None:
        present = Step.objects.filter(phase=self.phase, round=self.phase.round, parent=None).order_by("position")
        self.steps = {step.key: step for step in present.defer("result")}
        needs: dict[str, list[str]] = {key: [] for key in self.steps}
        edges = Dependency.objects.filter(step__phase=self.phase, step__round=self.phase.round)
        for step, need in edges.order_by("id").values_list("step__key", "needs__key"):
            needs[step].append(need)
        self.needs = {key: tuple(keys) for key, keys in needs.items()}

    def _graph(self) -> Graph:
        return graph(self._node(step) for step in self.steps.values())

    def _node(self, step: Step) -> Node:
        spec = step.spec or {}
        return Node(
            key=step.key,
            state=StepState(step.state),
            needs=self.needs[step.key],
            pool=step.pool,
            on_failure=step.on_failure,
            conditional=bool(spec.get("when") or spec.get("for_each") or step.kind in KINDS or step.guarded),
            skipped_by_condition=bool(step.error and step.error.get("code") == "condition_false"),
            in_flight=step.state in (StepState.RUNNING, StepState.WAITING) or step.published_at is not None,
        )

    def _lists(self) -> list[Step]:
        return [step for step in self.steps.values() if step.state == StepState.WAITING and step.kind not in KINDS]

    def _is_to_send(self, step: Step) -> bool:
        if step.state != StepState.READY or step.published_at is not None:
            return False
        return step.available_at is None or Step.objects.filter(pk=step.pk, available_at__lte=Now()).exists()

    # --- deciding what needs an evaluation ---------------------------------------------------------------------

    def _decide(self, step: Step) -> bool:
        """Make a step whose needs are met ready, skipped, a list of items, or failed. Whether others may follow."""
        spec = step.spec or {}
        context = None
        try:
            if spec.get("when"):
                context = self.context()
                if not compile_expression(spec["when"]).check(context):
                    self._skip(step, f"its condition is false: {spec['when']}", by_condition=True)
                    return True
            if spec.get("for_each"):
                items = compile_expression(spec["for_each"]).evaluate(context or self.context())
                return self._expand(step, items)
            if step.kind in KINDS:
                KINDS[step.kind].begin(self, step)
                return step.state != StepState.WAITING
        except ExpressionFailed as error:
            self._fail(step, error.code, str(error))
            return True
        self._move(step, StepState.READY)
        return False

    def context(self) -> dict[str, Any]:
        """What expressions of this phase may refer to."""
        return expression_context(self.project, Results(self.project.pk), self.phase)

    def _expand(self, step: Step, items: Any) -> bool:
        """One step an item. Whether others may follow at once, because the list is empty."""
        if not isinstance(items, list):
            self._fail(
                step,
                "not_a_list",
                f"for_each of step {step.key!r} gave {type(items).__name__}, where a list is needed",
            )
            return True
        Step.objects.bulk_create(
            [
                Step(
                    project=self.project,
                    phase=self.phase,
                    key=f"{step.key}[{index}]",
                    round=step.round,
                    position=index,
                    parent=step,
                    item=item,
                    agent=step.agent,
                    pool=step.pool,
                    on_failure=step.on_failure,
                    timeout_seconds=step.timeout_seconds,
                    guarded=step.guarded,
                    concurrency_key=step.concurrency_key,
                    concurrency_limit=step.concurrency_limit,
                    state=StepState.READY,
                )
                for index, item in enumerate(items)
            ],
            batch_size=1000,
        )
        self._note("step.expanded", step, items=len(items))
        self._move(step, StepState.WAITING if items else StepState.COMPLETED, started_at=Now())
        return not items

    def _settle_lists(self, *, closing: bool = False) -> None:
        """Complete or fail each ``for_each`` whose items are over; stop one that has failed early."""
        for step in self._lists():
            counts = step.items.aggregate(
                live=Count("id", filter=Q(state__in=("ready", "running"))),
                failed=Count("id", filter=Q(state="failed")),
                cancelled=Count("id", filter=Q(state="cancelled")),
                total=Count("id"),
            )
            if counts["failed"] and step.on_failure == "fail" and counts["live"]:
                stopped = step.items.filter(state=StepState.READY).update(state=StepState.CANCELLED, finished_at=Now())
                counts["live"] -= stopped
            if counts["live"]:
                continue
            if counts["failed"] and step.on_failure != "continue":
                self._fail(step, "items_failed", self._failed_items(step, counts["failed"], counts["total"]))
            elif closing and counts["cancelled"]:
                self._move(step, StepState.CANCELLED)
            else:
                self._move(step, StepState.COMPLETED)
                self._note("step.completed", step, items=counts["total"], failed=counts["failed"])

    def _failed_items(self, step: Step, failed: int, total: int) -> str:
        first = step.items.filter(state=StepState.FAILED).order_by("position").values_list("key", "error").first()
        key, error = first if first is not None else (step.key, None)
        return f"{failed} of {total} items failed, the first being {key}: {(error or {}).get('message', 'no reason')}"

    # --- kinds that wait ---------------------------------------------------------------------------------------

    def _settle_kinds(self) -> None:
        for step in self.steps.values():
            if step.state == StepState.WAITING and step.kind in KINDS:
                KINDS[step.kind].look(self, step)

    def wait(self, step: Step) -> None:
        """pending → waiting, for something that is no agent's work."""
        self._move(step, StepState.WAITING, started_at=Now())
        self._note("step.waiting", step)

    def complete(self, step: Step, result: Any) -> None:
        """Commit the result of a step that no agent did."""
        self._move(step, StepState.COMPLETED, **results.fields(result))
        self._note("step.completed", step, result_sha256=digest_of(result))

    def fail(self, step: Step, code: str, message: str) -> None:
        """Fail a step that no agent did."""
        self._fail(step, code, message)

    # --- writing -----------------------------------------------------------------------------------------------

    def _move(self, step: Step, to: StepState, **fields: Any) -> None:
        """Write a state that only ``advance`` writes, and keep what we hold in memory true."""
        if to in (StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED):
            fields["finished_at"] = Now()
        Step.objects.filter(pk=step.pk, state=step.state).update(state=to, **fields)
        step.refresh_from_db(fields=["state", "error", "finished_at", "published_at"])

    def _skip(self, step: Step, why: str, *, by_condition: bool) -> None:
        code = "condition_false" if by_condition else "need_not_met"
        self._move(step, StepState.SKIPPED, error={"code": code, "message": why})
        self._note("step.skipped", step, why=why)

    def _fail(self, step: Step, code: str, message: str) -> None:
        self._move(step, StepState.FAILED, error={"code": code, "message": message})
        self._note("step.failed", step, error={"code": code, "message": message})

    def _note(self, kind: str, step: Step, **data: Any) -> None:
        history.append(self.project.pk, kind, actor=SYSTEM, subject=step.key, data={"round": step.round, **data})

    # --- publishing --------------------------------------------------------------------------------------------

    def _signatures(self, wave: Wave, steps: dict[str, Step]) -> Sequence[Any]:
        return canvas.signatures(
            wave,
            project_id=self.project.pk,
            priority=self.project.priority_name,
            steps={key: canvas.StepAddress(step.pk, step.timeout_seconds) for key, step in steps.items()},
        )

    def _item_groups(self, parent: Step) -> list[list[Step]]:
        limit = (parent.spec or {}).get("max_parallel") or conf().fanout_window
        ready = parent.items.filter(state=StepState.READY)
        due = ready.filter(Q(available_at=None) | Q(available_at__lte=Now()), published_at=None)
        in_flight = parent.items.filter(
            Q(state=StepState.RUNNING)
            | Q(state=StepState.READY, published_at__isnull=False)
            # One that stands aside holds its place in the window: otherwise the whole list would come to stand aside.
            | Q(state=StepState.READY, guarded=True, available_at__gt=Now())
        ).count()
        sizes = windows(due.count(), in_flight, limit)
        items = list(due.order_by("position").defer("result", "item")[: sum(sizes)])
        groups = []
        for size in sizes:
            groups.append(items[:size])
            items = items[size:]
        return groups
