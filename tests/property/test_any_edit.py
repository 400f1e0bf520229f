"""Whatever is changed, in whatever order, while steps run and fail: a plan stays a plan, and what has started stays."""

from __future__ import annotations

from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

from hypothesis import currently_in_test_context, event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator_site.errors import PhasegateError
from projects.blueprints.load import load_text, mistakes_in
from projects.blueprints.schema import StepSpec
from projects.planning import placing
from projects.planning.edits import EDITS, edit_of, edited
from projects.planning.graph import Graph, Node, graph
from projects.planning.liveplan import NEED_NOT_MET, PASSED_OVER, Action, Edited, LivePlan, StepNow
from projects.planning.readiness import Standing, assess
from projects.states import PHASE, PROJECT, STEP, PhaseState, ProjectState, StepState

POLICIES = st.sampled_from(["fail", "continue", "skip_dependents"])
KEYS = st.sampled_from([f"s{n}" for n in range(14)])


@st.composite
def plans(draw: st.DrawFn) -> LivePlan:
    """One to three phases of up to four steps, some of which read one that they need."""
    text, number = "name: any\nversion: 1\ntitle: Any\nphases:\n", 0
    for phase in range(draw(st.integers(1, 3))):
        text += f"  - key: p{phase}\n    steps:\n"
        here: list[str] = []
        for _ in range(draw(st.integers(1, 4))):
            needs = draw(st.lists(st.sampled_from(here), unique=True, max_size=2)) if here else []
            reads = "${results." + needs[0] + "}" if needs and draw(st.booleans()) else "nothing"
            key = f"s{number}"
            text += (
                f"      - {{key: {key}, agent: echo, needs: [{', '.join(needs)}], "
                f"on_failure: {draw(POLICIES)}, params: {{say: '{reads}'}}}}\n"
            )
            here.append(key)
            number += 1
    blueprint = load_text(text).blueprint
    phases = {phase.key: PhaseState.PENDING for phase in blueprint.phases}
    return LivePlan(
        blueprint,
        {**phases, blueprint.phases[0].key: PhaseState.RUNNING},
        {step.key: StepNow() for phase in blueprint.phases for step in phase.steps},
    )


@st.composite
def arguments(draw: st.DrawFn, verb: str, keys: st.SearchStrategy[str], own: str) -> dict[str, Any]:
    """Arguments that often fit, and often do not."""
    where = draw(st.sampled_from([("before",), ("after",), ("before",), ("after",), ("before", "after"), ()]))
    beside = {name: draw(keys) for name in where}
    match verb:
        case "skip":
            return {"result": draw(st.sampled_from([None, 1, {"x": 1}]))}
        case "modify":
            options = [{"agent": "other"}, {"params": {"say": "${results." + draw(keys) + "}"}}, {"timeout": "1h"}]
            return draw(st.sampled_from(options))
        case "add":
            step: dict[str, Any] = {"key": own, "agent": "echo", "on_failure": draw(POLICIES)}
            if draw(st.booleans()):
                step["needs"] = draw(st.lists(keys, unique=True, max_size=2))
            return {"definition": step, **(beside or {"phase": draw(st.sampled_from(["p0", "p1", "p2"]))})}
        case "reorder":
            named = draw(st.integers(0, 3)) == 0
            needs = {"needs": draw(st.lists(keys, unique=True, max_size=2))} if named else {}
            return {**beside, **needs}
        case _:
            return {}


def say(what: str) -> None:
    """For the statistics of a run."""
    if currently_in_test_context():
        event(what)


class Operating(RuleBasedStateMachine):
    """An engine in a few lines, whose plan an operator changes at any moment."""

    @initialize(plan=plans())
    def begin(self, plan: LivePlan) -> None:
        self.plan = plan
        self.told: dict[str, StepSpec] = {}  # what a step was told when it began
        self.refused: list[PhasegateError] = []
        self.made: set[str] = set()
        self.settle()

    # --- the engine

    @precondition(lambda self: self.startable())
    @rule(data=st.data(), ends=st.sampled_from(["completed", "failed", "runs on", "tried again"]))
    def a_step_runs(self, data: st.DataObject, ends: str) -> None:
        key = data.draw(st.sampled_from(self.startable()))
        now = self.plan.steps[key]
        self.told.setdefault(key, self.plan.step(key))
        self.assert_let_through(key)
        to = {"runs on": StepState.RUNNING, "tried again": StepState.READY}.get(ends) or StepState(ends)
        self.put({key: StepNow(to, now.attempts + 1)})
        self.settle()

    @precondition(lambda self: self.running())
    @rule(data=st.data(), ends=st.sampled_from([StepState.COMPLETED, StepState.FAILED]))
    def a_running_step_ends(self, data: st.DataObject, ends: StepState) -> None:
        key = data.draw(st.sampled_from(self.running()))
        self.put({key: replace(self.plan.steps[key], state=ends)})
        self.settle()

    @rule()
    def an_approval_is_asked_and_given(self) -> None:
        for key, state in self.plan.phases.items():
            if state is PhaseState.WAITING:
                self.move({key: PhaseState.COMPLETED})
                self.settle()
                return

    # --- the operator

    @rule(data=st.data(), verb=st.sampled_from([*EDITS, "reorder", "reorder"]))
    def the_plan_is_changed(self, data: st.DataObject, verb: str) -> None:
        keys = st.sampled_from([*sorted(self.plan.places), "nobody"])
        step = data.draw(KEYS if verb == "add" else keys)
        self.change(verb, step, data.draw(arguments(verb, keys, step)))

    @precondition(lambda self: self.standing(StepState.FAILED))
    @rule(data=st.data(), verb=st.sampled_from(["retry", "skip"]))
    def what_failed_is_mended(self, data: st.DataObject, verb: str) -> None:
        self.change(verb, data.draw(st.sampled_from(self.standing(StepState.FAILED))), {})

    def change(self, verb: str, step: str, given: dict[str, Any]) -> None:
        before = self.plan
        try:
            outcome = edited(before, edit_of(verb, step, given))
        except PhasegateError as refusal:
            self.refused.append(refusal)
            say(f"{verb}: {type(refusal).__name__}")
            return
        say(f"{verb}: made")
        self.made.add(verb)
        self.apply(outcome)
        self.assert_all_is_told(before, outcome)
        self.settle()

    def apply(self, outcome: Edited) -> None:
        """What the service does with rows."""
        steps = dict(self.plan.steps)
        for row in outcome.rows:
            now = steps.get(row.step)
            match row.action:
                case Action.INSERT:
                    assert now is None
                    steps[row.step] = StepNow()
                case Action.DELETE:
                    assert now is not None
                    assert now.is_untouched
                    del steps[row.step]
                case Action.REPLACE:
                    assert now is not None
                    assert now.is_untouched
                    steps[row.step] = StepNow()
                case Action.UPDATE | Action.PLACE:
                    assert now is not None
                    assert now.is_idle
                case Action.SKIP:
                    assert now is not None
                    assert now.is_idle or STEP.revives(now.state, StepState.SKIPPED)
                    steps[row.step] = StepNow(StepState.SKIPPED, now.attempts, PASSED_OVER)
                case Action.RETRY | Action.REVIVE:
                    assert now is not None
                    assert STEP.revives(now.state, StepState.PENDING)
                    steps[row.step] = StepNow(StepState.PENDING, now.attempts)
        for key, to in outcome.phases.items():
            was = self.plan.phases[key]
            assert PHASE.allows(was, to) or PHASE.revives(was, to)
        project = self.plan.project
        if outcome.revives:
            assert PROJECT.revives(project, ProjectState.RUNNING)
            project = ProjectState.RUNNING
        self.plan = replace(
            self.plan,
            blueprint=self.plan.blueprint.model_copy(update={"phases": outcome.plan}),
            phases={**self.plan.phases, **outcome.phases},
            steps=steps,
            project=project,
        )
        for row in outcome.rows:
            if row.action in (Action.UPDATE, Action.RETRY) and row.step in self.told:
                self.told[row.step] = self.plan.step(row.step)

    def assert_all_is_told(self, before: LivePlan, outcome: Edited) -> None:
        """Every row that changes, but for its place, has its line, and every line its row."""
        told = {each.step for each in outcome.difference}
        done = {row.step for row in outcome.rows if row.action is not Action.PLACE}
        moved = {each.step for each in outcome.difference if each.change == "moved"}
        assert done <= told
        assert told <= done | moved
        assert {row.step for row in outcome.rows} <= set(before.steps) | set(outcome.keys(Action.INSERT))

    # --- what advance does

    def settle(self) -> None:
        while self.plan.project is ProjectState.RUNNING:
            current = next((p for p in self.plan.blueprint.phases if self.plan.phases[p.key] in PHASE.live), None)
            if current is None:
                self.plan = replace(self.plan, project=ProjectState.COMPLETED)
                return
            if self.plan.phases[current.key] is PhaseState.WAITING:
                return
            self.move({current.key: PhaseState.RUNNING})
            readiness = assess(self.graph(current.key))
            if readiness.standing in (Standing.FAILING, Standing.FAILED):
                self.cancel([current.key])
                if readiness.standing is Standing.FAILED:
                    self.fail(current.key)
                return
            if readiness.skip:
                self.put({key: StepNow(StepState.SKIPPED, 0, NEED_NOT_MET) for key, _ in readiness.skip})
                continue
            if readiness.standing is Standing.DONE:
                self.move({current.key: PhaseState.WAITING})
                return
            self.put({key: replace(self.plan.steps[key], state=StepState.READY) for key in readiness.ready})
            return

    def cancel(self, phases: list[str]) -> None:
        self.put(
            {
                step.key: replace(self.plan.steps[step.key], state=StepState.CANCELLED)
                for phase in self.plan.blueprint.phases
                for step in phase.steps
                if phase.key in phases and self.plan.steps[step.key].is_idle
            }
        )

    def fail(self, key: str) -> None:
        self.move({key: PhaseState.FAILED})
        later = [each for each, state in self.plan.phases.items() if state in PHASE.live]
        self.cancel(later)
        self.move(dict.fromkeys(later, PhaseState.CANCELLED))
        self.plan = replace(self.plan, project=ProjectState.FAILED)

    def put(self, steps: dict[str, StepNow]) -> None:
        self.plan = replace(self.plan, steps={**self.plan.steps, **steps})

    def move(self, phases: dict[str, PhaseState]) -> None:
        self.plan = replace(self.plan, phases={**self.plan.phases, **phases})

    def graph(self, phase: str) -> Graph:
        here = next(each for each in self.plan.blueprint.phases if each.key == phase)
        return graph(self.node(step) for step in here.steps)

    def node(self, step: StepSpec) -> Node:
        now = self.plan.steps[step.key]
        return Node(
            step.key, now.state, step.needs, on_failure=step.on_failure, passed_over=now.code == PASSED_OVER
        )  # fmt: skip

    def startable(self) -> list[str]:
        if not hasattr(self, "plan") or self.plan.project is not ProjectState.RUNNING:
            return []
        return self.standing(StepState.READY)

    def running(self) -> list[str]:
        return self.standing(StepState.RUNNING)

    def standing(self, state: StepState) -> list[str]:
        return [key for key, now in self.plan.steps.items() if now.state is state] if hasattr(self, "plan") else []

    def assert_let_through(self, key: str) -> None:
        here = self.graph(self.plan.phase_of(key).key)
        assert not here.unmet(here.by_key[key]), f"{key} begins before what it needs"

    # --- what holds whatever happens

    @invariant()
    def the_plan_is_one_that_the_language_allows(self) -> None:
        """Acyclic, complete in its needs, every key once, nothing read that is not there."""
        if hasattr(self, "plan"):
            assert list(mistakes_in(self.plan.blueprint)) == []
            assert set(self.plan.places) == set(self.plan.steps)

    @invariant()
    def what_has_started_is_there_and_was_told_the_same(self) -> None:
        for key, spec in getattr(self, "told", {}).items():
            assert key in self.plan.places, f"{key} has started, and is gone"
            now = self.plan.step(key)
            assert (now.key, now.needs, now.kind) == (spec.key, spec.needs, spec.kind), f"{key} was changed"
            assert not self.plan.steps[key].is_untouched, f"{key} has lost its attempts"

    @invariant()
    def what_has_started_came_after_all_that_it_needs(self) -> None:
        for key in getattr(self, "told", {}):
            now = self.plan.steps[key]
            # Nothing comes of one that was passed over; one that waits or was cancelled is looked at when it begins.
            if now.code != PASSED_OVER and now.state not in (StepState.PENDING, StepState.CANCELLED):
                self.assert_let_through(key)

    @invariant()
    def every_refusal_says_why(self) -> None:
        for refusal in getattr(self, "refused", []):
            assert refusal.http_status in (404, 409, 422)
            assert len(str(refusal)) > 20

    @invariant()
    def nothing_is_left_in_a_phase_that_has_passed(self) -> None:
        if not hasattr(self, "plan"):
            return
        for phase in self.plan.blueprint.phases:
            if self.plan.phases[phase.key] is PhaseState.COMPLETED:
                assert all(self.plan.steps[step.key].state in STEP.terminal for step in phase.steps)

    @invariant()
    def a_running_project_can_go_on(self) -> None:
        if not hasattr(self, "plan") or self.plan.project is not ProjectState.RUNNING:
            return
        waits = PhaseState.WAITING in self.plan.phases.values()
        assert waits or self.startable() or self.running(), f"nothing can run: {self.plan.steps}"


TestOperating = Operating.TestCase
TestOperating.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_the_model_takes_every_change() -> None:
    """Were all refused at the door, the machine above would prove little."""
    text = "name: all\nversion: 1\ntitle: All\nphases: [{key: p0, steps: [STEPS]}]"
    steps = ", ".join(f"{{key: s{n}, agent: echo, needs: [{f's{n - 1}' if 0 < n < 3 else ''}]}}" for n in range(5))
    blueprint = load_text(text.replace("STEPS", steps)).blueprint
    fresh = {step.key: StepNow() for step in blueprint.phases[0].steps}
    machine = Operating()
    machine.begin(plan=LivePlan(blueprint, {"p0": PhaseState.PENDING}, fresh))

    machine.change("add", "", {"definition": {"key": "s9", "agent": "echo"}, "phase": "p0"})
    machine.change("remove", "s9", {})
    machine.change("modify", "s2", {"agent": "other"})
    machine.change("reorder", "s4", {"before": "s3"})
    machine.change("skip", "s1", {"result": 1})
    machine.put({"s0": StepNow(StepState.FAILED, 1)})
    machine.settle()
    machine.change("retry", "s0", {})

    assert machine.refused == []
    assert machine.made == {"add", "remove", "modify", "reorder", "skip", "retry"} == set(EDITS)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Needs of up to eight steps."""
    found: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(2, 8))):
        found[f"s{number}"] = tuple(
            draw(st.lists(st.sampled_from(sorted(found)), unique=True, max_size=3)) if found else []
        )
    return found


def order_of(needs: placing.Needs) -> dict[str, frozenset[str]]:
    """What each step comes after, directly or not. Raises ``CycleError``."""
    TopologicalSorter(needs).prepare()
    return {key: placing.reached(needs, needs[key]) for key in needs}


@given(graphs(), st.data())
def test_a_step_that_is_moved_stands_where_it_is_said_and_the_others_keep_their_order(
    needs: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    key, other = data.draw(st.lists(st.sampled_from(sorted(needs)), min_size=2, max_size=2, unique=True))
    place = data.draw(st.sampled_from(["before", "after"]))

    moved = placing.moved(
        needs, key, None, **{"before": None, "after": None, place: other}, can_wait=lambda _: True
    )  # fmt: skip

    before, after = order_of(needs), order_of(moved)
    first, second = (key, other) if place == "before" else (other, key)
    assert first in after[second]
    for each in needs.keys() - {key}:
        assert before[each] - {key} <= after[each]


@given(graphs(), st.data())
def test_a_step_that_is_put_in_changes_no_order_among_the_others(
    needs: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    other = data.draw(st.sampled_from(sorted(needs)))
    place = data.draw(st.sampled_from(["before", "after"]))
    own = needs[other] if place == "before" else ()

    put = placing.put_in(
        needs, "new", own, **{"before": None, "after": None, place: other}, can_wait=lambda _: True
    )  # fmt: skip

    before, after = order_of(needs), order_of(put)
    first, second = ("new", other) if place == "before" else (other, "new")
    assert first in after[second]
    assert all(after[each] - {"new"} == before[each] for each in needs)
