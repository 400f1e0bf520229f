"""Why something does not move, in one sentence: the cause, since when, and who can move it on.

Of a step that is neither over nor running there always is one; what is not known of it is not a reason to say
nothing. What agents and people wrote (titles, errors) stands in quotes, with what cannot be seen as codes: sentences
go to terminals too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from projects.planning.cause_codes import OUTSIDE, RANKS
from projects.states import PROJECT, STEP, Directive, PhaseState, ProjectState, StepState

STARTS_WORKERS = "whoever runs the site can start workers"
NO_CONTROL = "no control worker is alive. Start workers: `make up`."


@dataclass(frozen=True, slots=True)
class Cause:
    """A code for programs (``cause_codes``), and the sentence for people. ``since`` where it is known.

    ``who`` can move it on, as a clause; empty where nobody has to. ``alert``: neither the product nor anybody who was
    asked will, so that somebody has to be told.
    """

    code: str
    sentence: str
    since: datetime | None = None
    who: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """An open approval."""

    title: str
    groups: tuple[str, ...]
    opened_at: datetime
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A project as its steps see it. ``by`` is who paused it and ``reason`` why, ``above`` the paused project that
    holds it.

    ``stuck`` is why it could not be advanced when that was last tried; empty where it could.
    """

    state: ProjectState
    directive: Directive
    now: datetime
    since: datetime | None = None
    by: str = ""
    reason: str = ""
    above: str = ""
    stuck: str = ""
    control_alive: bool = True
    pools_alive: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiter:
    """A step as far as it says why it waits. What does not concern it is left out."""

    key: str
    state: StepState
    kind: str = "agent"
    pool: str = "cpu"
    since: datetime | None = None
    phase_state: PhaseState = PhaseState.RUNNING
    before: str = ""
    """Title of the phase that is worked on, where the step's own has not begun."""
    needs: tuple[str, ...] = ()
    """Keys of the steps that it waits for."""
    items: Mapping[str, int] | None = None
    """Of a list: how many of its items are in which state."""
    generations: tuple[int, int] | None = None
    """Of a search that has begun: how many are over, and how many there are at most."""
    is_item: bool = False
    error: str = ""
    held: bool = False
    """Whether no agent could take it when it was last looked at; the error says why."""
    nobody: bool = False
    """Of one that is held: whether there is no agent at all, until one registers."""
    circuit: str = ""
    """Of one that is held by circuits: until when, and after what, as a clause."""
    silent: str = ""
    """Of one that runs: who had it and has fallen silent, as a clause with the moment."""
    available_at: datetime | None = None
    published_at: datetime | None = None
    lost_after: float = 60.0
    guarded: bool = False
    room: str = ""
    """Why there is no room for a guarded step, by those who know."""
    due_at: datetime | None = None
    signal: str = ""
    asked: Asked | None = None
    child: str = ""
    """The child project and what it waits for, as a clause; its title in quotes."""


def why(step: Waiter, project: Standing) -> Cause | None:
    """Why a step does not run. None for one that runs with somebody who lives, or is over."""
    if step.state is StepState.RUNNING:
        return _dead(step, project) if step.silent else None
    if step.state in STEP.terminal:
        return None
    if project.state in PROJECT.terminal:
        return Cause("over", f"The project is {project.state}: {step.key} is cancelled when somebody looks at it.")
    if project.directive is Directive.CANCEL:
        return Cause("cancelling", f"The project is being cancelled: {step.key} does not start.", project.since)
    if project.state is ProjectState.PENDING:
        return Cause("not_started", "The project has not begun.", who="its owner")
    if project.directive is Directive.PAUSE:
        return _paused(step, project)
    return _waits(step, project)


def foremost(causes: Iterable[Cause]) -> tuple[Cause, int] | None:
    """What a person wants to know first of a project, and how many others wait for something outside the engine."""
    ordered = sorted(causes, key=lambda cause: RANKS.index(cause.code) if cause.code in RANKS else len(RANKS))
    if not ordered:
        return None
    return ordered[0], sum(cause.code in OUTSIDE for cause in ordered[1:])


def decision(asked: Asked) -> Cause:
    """An open approval as a cause."""
    who = ", ".join(asked.groups) or "anyone with the right"
    until = f", until {asked.deadline:%Y-%m-%d %H:%M} UTC" if asked.deadline else ""
    since = f"{asked.opened_at:%Y-%m-%d %H:%M} UTC"
    return Cause("approval", f"Waits for {who} to decide {asked.title!r} since {since}{until}.", asked.opened_at, who)


def deciding(project: Standing) -> Cause:
    """Nothing is in the way but that somebody looks."""
    if project.stuck:
        return Cause(
            "stuck",
            f"It could not be advanced: {project.stuck!r}. Recovery tries again every few seconds; an administrator "
            "finds more in the log.",
            who="an administrator",
            alert=True,
        )
    if not project.control_alive:
        return Cause("control", f"Its next step is to be decided, but {NO_CONTROL}", who=STARTS_WORKERS, alert=True)
    return Cause("deciding", "Its next step is being decided; recovery looks at it within seconds.")


def held(project: Standing) -> str:
    """Since when and by whom a project is paused, without a full stop."""
    since = f" since {project.since:%Y-%m-%d %H:%M:%S} UTC" if project.since else ""
    if project.above:
        return f"Held{since}, because {project.above} above it is paused"
    why = f", {project.reason!r}" if project.reason else ""
    return f"Paused{since}{f' by {project.by}' if project.by else ''}{why}"


def _paused(step: Waiter, project: Standing) -> Cause:
    who = f"resuming {project.above} resumes it" if project.above else "an operator can resume it"
    sentence = f"{held(project)}: {step.key} does not start; {who}."
    if step.state is StepState.WAITING:
        inner = _waits(step, project).sentence.rstrip(".")
        sentence = f"{held(project)}, so that its clock stands still; {who}. {inner}."
    return Cause("paused", sentence, project.since, f"whoever may resume {project.above or 'it'}")


def _waits(step: Waiter, project: Standing) -> Cause:
    match step.state:
        case StepState.PENDING:
            return _pending(step, project)
        case StepState.READY:
            return _ready(step, project)
        case _:
            return _waiting(step, project)


def _pending(step: Waiter, project: Standing) -> Cause:
    if step.phase_state is PhaseState.PENDING:
        before = f"when {step.before!r} has passed its gate" if step.before else "when those before it are through"
        return Cause("phase", f"The phase of {step.key} begins {before}.")
    if step.needs:
        some = ", ".join(step.needs[:3]) + (f" and {len(step.needs) - 3} more" if len(step.needs) > 3 else "")
        since = f", and waits since {moment(step.since)}" if step.since else ""
        who = f"whoever moves {step.needs[0]} on can move it on"
        return Cause("needs", f"{step.key} needs {some} to be through{since}; {who}.", step.since, who)
    if step.is_item:
        return _in_the_window(step)
    return deciding(project)


def _ready(step: Waiter, project: Standing) -> Cause:
    """The pool comes first: where nobody lives nobody looks, whatever else the step waits for."""
    alive = step.pool in project.pools_alive
    if step.room:
        besides = "" if alive else f" Besides, {_no_worker(step)}"
        who = "whoever may raise the budget, or end what holds the place"
        return Cause("room", f"{step.room}{besides}", step.since, who)
    if not alive and (step.published_at is not None or _is_put_off(step, project)):
        return _without_a_pool(step, project)
    if step.held:
        return _for_an_agent(step, project)
    if _is_put_off(step, project):
        return _to_be_tried_again(step)
    if step.published_at is None:
        return _to_be_sent(step, project)
    return _for_a_worker(step, project, step.published_at)


def _is_put_off(step: Waiter, project: Standing) -> bool:
    """Whether what it waits for is another look or another attempt."""
    return step.held or (step.available_at is not None and step.available_at > project.now)


def _without_a_pool(step: Waiter, project: Standing) -> Cause:
    before = ""
    if step.held:
        before = f" When it was last looked at: {_lower(step.error or 'no agent could take it')}."
    elif _is_put_off(step, project):
        before = f" {_to_be_tried_again(step).sentence}"
    sentence = f"{step.key} is ready, but {_no_worker(step)}{before}"
    return Cause("pool", sentence, step.since, STARTS_WORKERS, alert=True)


def _no_worker(step: Waiter) -> str:
    return f"no worker of pool {step.pool!r} is alive. Start workers: `make up`."


def _to_be_tried_again(step: Waiter) -> Cause:
    error = f", after {step.error!r}" if step.error else ""
    sentence = f"Waits until {step.available_at:%H:%M:%S} UTC to try {step.key} again{error}."
    return Cause("retry", sentence, step.since, "whoever may change its plan can skip it")


def _to_be_sent(step: Waiter, project: Standing) -> Cause:
    if step.is_item:
        return _in_the_window(step)
    if project.stuck:
        return deciding(project)
    if not project.control_alive:
        sentence = f"{step.key} is ready to be sent to a worker, but {NO_CONTROL}"
        return Cause("control", sentence, step.since, STARTS_WORKERS, alert=True)
    return Cause("unsent", f"{step.key} is ready, and is sent to a worker within seconds.", step.since)


def _for_a_worker(step: Waiter, project: Standing, sent: datetime) -> Cause:
    if (project.now - sent).total_seconds() > step.lost_after:
        return Cause(
            "lost", f"{step.key} was sent at {sent:%H:%M:%S} UTC and nobody took it: recovery sends it again.", sent
        )
    if step.guarded:
        return Cause("room", f"{step.key} is ready, and starts where its budgets and limits have room.", step.since)
    return Cause("worker", f"{step.key} is ready and waits for a free worker of pool {step.pool!r}.", sent)


def _for_an_agent(step: Waiter, project: Standing) -> Cause:
    """It has not failed and no attempt is used up: it looks again until somebody can take it."""
    since = f" since {moment(step.since)}" if step.since else ""
    due = step.available_at is not None and step.available_at > project.now
    again = f"It looks again at {step.available_at:%H:%M:%S} UTC." if due else "It looks again within seconds."
    reason = _lower(step.error or "no agent can take it now")
    if step.nobody:
        who = "whoever can register one (`register_agent`), or change the step (`intervene modify`)"
        sentence = (
            f"{step.key} waits for an agent{since}: {reason}. Register one (`register_agent`), or change the step "
            "(`intervene modify`)."
        )
        return Cause("agent", sentence, step.since, who, alert=True)
    if step.circuit:
        who = "an operator can close the circuit"
        return Cause(
            "agent", f"{step.key} waits for an agent{since}: {reason}{step.circuit}; {who}. {again}", step.since, who
        )
    who = "whoever runs the agent can give it more room"
    return Cause("agent", f"{step.key} waits for an agent{since}: {reason}. {again}", step.since, who)


def _dead(step: Waiter, project: Standing) -> Cause:
    """Its lease is over, or its worker was found dead, and nobody has taken it back yet."""
    if project.pools_alive:
        return Cause(
            "dead", f"{step.key} was left by {step.silent}: recovery takes it back within seconds.", step.since
        )
    sentence = (
        f"{step.key} was left by {step.silent}, and no worker is alive to take it back. Start workers: `make up`; then "
        "it is taken back and tried again."
    )
    return Cause("dead", sentence, step.since, STARTS_WORKERS, alert=True)


def moment(at: datetime) -> str:
    """As sentences give it: to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _lower(reason: str) -> str:
    reason = reason.rstrip(".")
    return f"{reason[:1].lower()}{reason[1:]}"


def _in_the_window(step: Waiter) -> Cause:
    return Cause("window", f"{step.key} begins when others of its list have ended: so many of them run at a time.")


def _waiting(step: Waiter, project: Standing) -> Cause:
    if step.items is not None:
        live = sum(count for state, count in step.items.items() if StepState(state) in STEP.live)
        if live and step.generations is not None:
            over, most = step.generations
            sentence = f"{step.key} waits for {live} pieces of generation {over + 1} of its search, of at most {most}."
            return Cause("items", sentence, step.since)
        if live:
            return Cause("items", f"{step.key} waits for {live} of its {sum(step.items.values())} items.", step.since)
        return deciding(project)
    match step.kind:
        case "wait":
            return _for_a_time_or_a_signal(step, project)
        case "approval":
            return decision(step.asked) if step.asked is not None else deciding(project)
        case "project":
            who = "whoever moves that project on"
            return (
                Cause("child", f"{step.key} waits for {step.child}", step.since, who)
                if step.child
                else deciding(project)
            )
        case _:
            since = f" since {step.since:%Y-%m-%d %H:%M:%S} UTC" if step.since else ""
            return Cause("kind", f"{step.key} waits as steps of kind {step.kind} do{since}.", step.since)


def _for_a_time_or_a_signal(step: Waiter, project: Standing) -> Cause:
    until = f"{step.due_at:%Y-%m-%d %H:%M:%S} UTC" if step.due_at is not None else ""
    if step.due_at is not None and step.due_at <= project.now:
        return deciding(project)
    if step.signal:
        since = f" since {step.since:%Y-%m-%d %H:%M:%S} UTC" if step.since else ""
        return Cause(
            "signal",
            f"{step.key} waits for the signal {step.signal!r}{since}{f', or until {until}' if until else ''}. Whoever "
            "may steer the project can send it: `signal_project`.",
            step.since,
            "whoever may steer the project can send it",
        )
    if not until:
        return deciding(project)
    since = f", since {moment(step.since)}" if step.since else ""
    who = "an operator can cancel the project"
    return Cause(
        "timer", f"{step.key} waits until {until}{since}; nothing but a cancel ends it sooner.", step.since, who
    )
