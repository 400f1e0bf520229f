"""The moments of a step's life, and of what people do to a project: how a process comes to stand there.

``stand`` brings a project to a moment, holds the process that is there, breaks something meanwhile, and lets it go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from projects.models import Project
from projects.services import control
from tests.faults.arena import Unsteady
from tests.faults.injectors import hold_at, kinds
from tests.faults.people import steer, waits
from tests.faults.plans import ASKING, ENDLESS_LIST, FAN_OUT_AND_JOIN, SHORT_LIST, TWO_PHASES
from tests.faults.rounds import Broken, Round

Act = Callable[[Round], None]
Hold = Callable[[Round, str, str], None]
"""Arms what has the process of that name stand at that point."""


def for_a_moment(round_: Round, point: str, process: str) -> None:
    hold_at(point, "sleep=0.8", round_, process)


@dataclass(frozen=True)
class Moment:
    """A fault point; who passes it, in which project; how that process comes there."""

    point: str
    reach: Callable[[Moment, Round, Act, Hold], None]
    blueprint: str = FAN_OUT_AND_JOIN
    ends: str = "completed"
    web: bool = False

    def stand(self, act: Act, round_: Round, hold: Hold = for_a_moment) -> None:
        """Break something while a process stands here."""
        self.reach(self, round_, act, hold)


def _in_work(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    """A worker passes it with any project."""
    hold(round_, moment.point, "")
    round_.begin()
    round_.wait_fired(moment.point)
    act(round_)


def _in_recovery(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    """A child dies in its agent, and somebody takes its step back."""
    hold(round_, moment.point, "")
    round_.arm("in_agent", "kill", 4, "worker-cpu")
    round_.begin()
    round_.wait_fired(moment.point)
    act(round_)


def _in_decision(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    _, approval = waits(round_)
    body = {"approve": True, "evidence_digest": approval.evidence_digest}
    _asked(moment, round_, act, hold, f"approvals/{approval.pk}/decisions", body)
    if (times := kinds(approval.project).count("approval.approved")) != 1:
        raise Broken([f"I6 the approval was decided {times} times"])


def _in_pause(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    project = _begun(round_)
    _asked(moment, round_, act, hold, f"projects/{project.pk}/pause", {"reason": "test"})
    time.sleep(0.5)
    # Where the first request came to nothing, the project may be over before it is asked again.
    if not steer(control.resume, project) and not round_.arena.look(project).is_over:
        raise Broken(["I15 the pause was answered, and there was nothing to resume"])


def _in_cancel(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    project = _begun(round_)
    _asked(moment, round_, act, hold, f"projects/{project.pk}/cancel", {"reason": "test"})


def _in_restore(moment: Moment, round_: Round, act: Act, hold: Hold) -> None:
    project = round_.begin()
    round_.wait(lambda: round_.arena.look(project).is_over, "the project to be completed", 40)
    key = f"restore-{project.pk}"
    _asked(moment, round_, act, hold, f"projects/{project.pk}/checkpoints/1/restore", {"reason": "test"}, key)
    if kinds(project).count("project.restored") != 1:
        raise Broken([f"I15 the project was restored {kinds(project).count('project.restored')} times"])


def _begun(round_: Round) -> Project:
    project = round_.begin()
    round_.wait_done(project, 0.02)
    return project


def _asked(moment: Moment, round_: Round, act: Act, hold: Hold, path: str, body: dict[str, Any], key: str = "") -> None:
    """Ask web, which comes to stand there; whoever has no answer asks again, and may hear that it is done."""
    round_.ask_until_answered("projects/00000000-0000-0000-0000-000000000000/pause", {})  # not found; web is warm now
    hold(round_, moment.point, "web")
    said: list[int] = []
    asking = threading.Thread(target=lambda: said.append(round_.ask(path, body, key, 30)[0]))
    asking.start()
    try:
        round_.wait_fired(moment.point)
        act(round_)
    finally:
        asking.join()
    if said[0] in (200, 201, 202):
        return
    if said[0] not in (0, 500, 502, 503):
        raise Broken([f"I15 {path} was answered {said[0]}"])
    status, answer = round_.ask_until_answered(path, body, key)
    if status not in (200, 201, 202, 409):
        raise Unsteady(f"{path}: {status} {answer}")


MOMENTS: dict[str, Moment] = {
    "before_claim": Moment("before_claim", _in_work),
    "after_claim": Moment("after_claim", _in_work),
    "in_agent": Moment("in_agent", _in_work),
    "after_effect": Moment("after_effect", _in_work),
    "after_commit": Moment("after_commit", _in_work),
    "in_body": Moment("in_body", _in_work),
    "in_advance": Moment("in_advance", _in_work),
    "in_recovery": Moment("in_recovery", _in_recovery),
    "in_decision": Moment("in_decision", _in_decision, ASKING, web=True),
    "in_pause": Moment("in_pause", _in_pause, SHORT_LIST, web=True),
    "in_cancel": Moment("in_cancel", _in_cancel, ENDLESS_LIST, "cancelled", web=True),
    "in_restore": Moment("in_restore", _in_restore, TWO_PHASES, web=True),
}
"""After the effect is before the commit, and after the commit is before the message is acknowledged."""
IN_ADVANCE_OF_A_DECISION = Moment("in_advance", _in_decision, ASKING, web=True)
"""The only way by which web comes to look what is next."""
