"""Working on the steps of one phase, under its lock: settle what follows of itself, and publish what is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.db.models.functions import Now

from orchestrator_site.digests import digest_of_any
from orchestrator_site.history import services as history
from orchestrator_site.storable import storable
from projects import canvas, sql
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression, keepable
from projects.blueprints.schema import StepKind
from projects.models import Phase, Project, Step
from projects.planning.compiling import Wave, compile_wave
from projects.planning.graph import Graph, Node, graph
from projects.planning.liveplan import NEED_NOT_MET, PASSED_OVER
from projects.planning.packing import one_after_another
from projects.planning.readiness import Standing, assess
from projects.services import fanout, holding, paces, results, swarms, waits
from projects.services.contexts import Results, expression_context
from projects.services.kinds import KINDS, is_list, waits_by_kind
from projects.services.publishing import Outbox
from projects.states import STEP, PhaseState, StepState

SYSTEM = "system"


POISON = "poison_step"
"""Code of a step that took its workers down."""


class PhaseWork:
    """The steps of a phase's present round, as they are in the database under the phase's lock.

    What is found ready is written by ``publish``, together with when it was sent; all else is written at once.
    ``at_hand`` are the steps, where they have just been read.
    """

    def __init__(self, project: Project, phase: Phase, at_hand: sql.Result | None = None) -> None:
        self.project = project
        self.phase = phase
        self.steps: dict[str, Step] = {}
        self.needs: dict[str, tuple[str, ...]] = {}
        self._made_ready: list[Step] = []
        self._signatures: list[Any] = []
        self._sent: list[UUID] = []
        self._read(at_hand or self._steps())

    def settle(self) -> Standing:
        """Do all that follows without an agent's work, until nothing more does; how the phase stands then."""
        while True:
            waits.settle(self)
            self._settle_lists()
            readiness = assess(self._graph())
            for key, need in readiness.skip:
                self._skip(self.steps[key], f"{need!r}, which it needs, did not complete", by_condition=False)
            changed = bool(readiness.skip)
            for key in readiness.ready:
                changed = self._decide(self.steps[key]) or changed
            if not changed:
                return readiness.standing

    def publish(self, outbox: Outbox) -> int:
        """Send the ready steps that have not been sent; how many messages."""
        if self.phase.state != PhaseState.RUNNING:
            return 0
        ready = [step for step in self.steps.values() if self._is_to_send(step)]
        sent = self._send(ready, outbox) if ready else 0
        for parent in self._lists():
            self._sent_too(fanout.next_items(self.project, parent, self._parallel(parent)))
        outbox.send(self._signatures, self._sent)
        return sent + len(self._signatures)

    def stop_starting(self) -> None:
        """Cancel what has not started: the phase has failed, or will once the last running step has ended.

        What waits for a time, a signal, a person or a child is cancelled too: nobody needs it any more.
        """
        if stopped := waits.give_up(Step.objects.filter(phase=self.phase, round=self.phase.round)):
            data = {"round": self.phase.round, "steps": stopped}
            history.append(self.project.pk, "phase.stopping", actor=SYSTEM, subject=self.phase.key, data=data)
        self._made_ready.clear()
        self._load()
        self._settle_lists(closing=True)

    def failure(self) -> tuple[str, str]:
        """Code and sentence of the step that failed the phase first."""
        failed = [s for s in self.steps.values() if s.state == StepState.FAILED and s.on_failure == "fail"]
        first = min(failed, key=lambda step: step.finished_at.timestamp() if step.finished_at else 0)
        error = first.error or {}
        if error.get("code") == POISON:
            return POISON, f"Step {first.key!r} took its worker down {first.crashes} times and is not tried again."
        return (
            str(error.get("code", "step_failed")),
            f"Step {first.key!r} failed: {error.get('message', 'no reason was kept')}"
            + (f" ({error['cause']})" if error.get("cause") else ""),
        )

    # --- reading ---------------------------------------------------------------------------------------------

    def _load(self) -> None:
        self._read(self._steps())

    def _steps(self) -> sql.Result:
        return sql.result("steps_of_round", phase=self.phase.pk, round=self.phase.round)

    def _read(self, steps: sql.Result) -> None:
        found = steps.instances_with(Step)
        keys = {step.pk: step.key for step, _ in found}
        self.steps = {step.key: step for step, _ in found}
        self.needs = {step.key: tuple(keys[need] for need in row["needs"]) for step, row in found}

    def _graph(self) -> Graph:
        return graph(self._node(step) for step in self.steps.values())

    def _node(self, step: Step) -> Node:
        return Node(
            key=step.key,
            state=StepState(step.state),
            needs=self.needs[step.key],
            pool=step.pool,
            on_failure=step.on_failure,
            conditional=bool(step.spec) or step.kind in KINDS or step.guarded,
            skipped_by_condition=bool(step.error and step.error.get("code") == "condition_false"),
            passed_over=bool(step.error and step.error.get("code") == PASSED_OVER),
            in_flight=step.state in (StepState.RUNNING, StepState.WAITING) or step.published_at is not None,
        )

    def _lists(self) -> list[Step]:
        return [step for step in self.steps.values() if step.state == StepState.WAITING and not waits_by_kind(step)]

    def _parallel(self, step: Step) -> int | None:
        parallel: int | None = (step.spec or {}).get("max_parallel")
        return parallel

    def _is_to_send(self, step: Step) -> bool:
        if step.state != StepState.READY or step.published_at is not None:
            return False
        return step.available_at is None or Step.objects.filter(pk=step.pk, available_at__lte=Now()).exists()

    # --- deciding what needs an evaluation ---------------------------------------------------------------------

    def _decide(self, step: Step) -> bool:
        """Make a step whose needs are met ready, skipped, a list of items, or failed. Whether others may follow."""
        asks = step.spec or {}
        context = self.context() if asks else None
        try:
            if asks.get("when") and not compile_expression(asks["when"]).check(context or {}):
                self._skip(step, f"its condition is false: {asks['when']}", by_condition=True)
                return True
            if step.kind == StepKind.SWARM:
                swarms.begin(self, step)
                return True  # of one that is taken up all may be there already
            if is_list(step) and step.items.exists():
                return self._take_up(step)
            if is_list(step):
                items = compile_expression(asks["for_each"]).evaluate(context or {})
                return self._expand(step, keepable(items, f"What for_each of step {step.key!r} gave"))
            if step.kind in KINDS:
                KINDS[step.kind].begin(self, step)
                return step.state in STEP.terminal
        except ExpressionFailed as error:
            self._fail(step, error.code, str(error))
            return True
        step.state = StepState.READY
        self._made_ready.append(step)
        return False

    def context(self) -> Mapping[str, Any]:
        """What expressions of this phase may refer to."""
        return expression_context(self.project, Results(self.project.pk), self.phase)

    def _expand(self, step: Step, items: Any) -> bool:
        """One step an item. Whether more may follow at once: the list is empty, or its items are the engine's own."""
        if not isinstance(items, list):
            self._fail(
                step,
                "not_a_list",
                f"for_each of step {step.key!r} gave {type(items).__name__}, where a list is needed",
            )
            return True
        sent = fanout.expand(self.project, step, items, self._parallel(step))
        self._note("step.expanded", step, items=len(items))
        self._move(step, StepState.WAITING if items else StepState.COMPLETED, started_at=Now())
        self._sent_too(sent)
        return not items or step.kind in KINDS

    def _take_up(self, step: Step) -> bool:
        """An operator had a list retried: it stays as it was, and those of its items run that have no result."""
        if step.kind not in KINDS:
            again = list(step.items.filter(state=StepState.PENDING).values_list("pk", flat=True))
            Step.objects.filter(pk__in=again).update(state=StepState.READY)
            if (step.spec or {}).get("timeouts"):
                holding.begin_clocks(again, anew=True)
        self._move(step, StepState.WAITING)
        return True

    def _settle_lists(self, *, closing: bool = False) -> None:
        """Complete, or fail, the lists of items that are all over; of a search, go on with it."""
        for step in self._lists():
            standing = sql.rows("items_open", parent=step.pk)[0]
            if step.kind == StepKind.SWARM:
                if not standing["open"]:
                    self._settle_search(step, closing=closing)
                continue
            if standing["failed"] and step.on_failure == "fail":
                if stopped := waits.give_up(step.items.all()):
                    self._note("step.items_stopped", step, items=stopped)
            elif standing["open"] and not closing:
                continue
            counts = dict(step.items.values_list("state").annotate(n=Count("pk")).order_by())
            if any(counts.get(state) for state in ("pending", "ready", "running", "waiting")):
                continue
            total, failed = sum(counts.values()), counts.get("failed", 0)
            if failed and step.on_failure != "continue":
                self._fail(step, "items_failed", self._failed_items(step, failed, total))
            elif closing and counts.get("cancelled"):
                self._move(step, StepState.CANCELLED)
                self._note("step.cancelled", step)
            else:
                self._move(step, StepState.COMPLETED)
                self._note("step.completed", step, items=total, failed=failed)

    def _settle_search(self, step: Step, *, closing: bool) -> None:
        """Have a search go on whose generation is over, unless a failure beside it ends it."""
        if closing:
            self._move(step, StepState.CANCELLED)
            self._note("step.cancelled", step)
        elif not any(each.state == StepState.FAILED and each.on_failure == "fail" for each in self.steps.values()):
            swarms.go_on(self, step)

    def _failed_items(self, step: Step, failed: int, total: int) -> str:
        first = step.items.filter(state=StepState.FAILED).order_by("position").values_list("key", "error").first()
        key, error = first if first is not None else (step.key, None)
        return f"{failed} of {total} items failed, the first being {key}: {(error or {}).get('message', 'no reason')}"

    # --- kinds that wait ---------------------------------------------------------------------------------------

    def wait(self, step: Step) -> None:
        """pending → waiting, for something that is no agent's work."""
        self._move(step, StepState.WAITING, started_at=Now())
        self._note("step.waiting", step)

    def complete(self, step: Step, result: Any) -> None:
        """Commit the result of a step that no agent did."""
        self._move(step, StepState.COMPLETED, **results.fields(result))
        self._note("step.completed", step, result_sha256=digest_of_any(result))

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
        code = "condition_false" if by_condition else NEED_NOT_MET
        self._move(step, StepState.SKIPPED, error={"code": code, "message": why})
        self._note("step.skipped", step, why=why)

    def _fail(self, step: Step, code: str, message: str) -> None:
        message = storable(message)
        self._move(step, StepState.FAILED, error={"code": code, "message": message})
        self._note("step.failed", step, error={"code": code, "message": message})

    def _note(self, kind: str, step: Step, **data: Any) -> None:
        history.append(self.project.pk, kind, actor=SYSTEM, subject=step.key, data={"round": step.round, **data})

    # --- publishing --------------------------------------------------------------------------------------------

    def _send(self, ready: Sequence[Step], outbox: Outbox) -> int:
        """Write which steps are ready and sent, and compile their messages."""
        wave = compile_wave(self._graph(), [step.key for step in ready])
        made = {step.pk for step in self._made_ready}
        if made:
            outbox.make_ready(made, [step.pk for step in ready if step.pk in made])
            if timed := [step.pk for step in self._made_ready if (step.spec or {}).get("timeouts")]:
                holding.begin_clocks(timed, anew=True)
        if again := [step.pk for step in ready if step.pk not in made]:
            sql.execute("mark_sent", steps=again)
        self._made_ready.clear()
        signatures = canvas.signatures(
            wave,
            project_id=self.project.pk,
            priority=self.project.priority_name,
            steps={key: canvas.StepAddress(step.pk, step.timeout_seconds) for key, step in self.steps.items()},
        )
        if outbox.bundles and (seconds := self._known_to_take(wave)) is not None:
            outbox.send_quick(signatures[0], ready[0].pk, pool=ready[0].pool, seconds=seconds)
        else:
            outbox.send(signatures, [step.pk for step in ready])
        return len(signatures)

    def _known_to_take(self, wave: Wave) -> float | None:
        """Seconds that a wave of a single leg takes, by the measured pace of its agents; None for any other."""
        if len(wave.branches) != 1 or len(wave.branches[0].legs) != 1:
            return None
        steps = [self.steps[key] for key in wave.branches[0].steps]
        if any(step.guarded or not step.agent for step in steps):
            return None
        known = [paces.pace_of(step.agent) for step in steps]
        return one_after_another(known)

    def _sent_too(self, sent: fanout.Sent) -> None:
        self._signatures += sent.signatures
        self._sent += sent.steps
