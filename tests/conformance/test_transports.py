"""What every transport promises, whatever agent is at its other end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from agents.errors import AgentBusy, AgentFailure, AgentTimedOut, PermanentFailure, ResultUnusable, WorkCancelled
from agents.models import AgentCall
from agents.transports import TRANSPORTS
from agents.values import Done, TransportName
from tests.conformance.agents import MEGABYTE, ByHttp, ByLlm, ByPython, ToolContext, work_of

pytestmark = pytest.mark.django_db

HARNESSES = {TransportName.PYTHON: ByPython, TransportName.HTTP: ByHttp, TransportName.LLM: ByLlm}


@pytest.fixture(params=list(TRANSPORTS))
def far(request: pytest.FixtureRequest) -> Iterator[ByPython]:
    """An agent by each transport that there is."""
    harness = HARNESSES[request.param]()
    yield harness
    harness.close()


@pytest.fixture
def wired(far: ByPython) -> ByPython:
    if far.transport is TransportName.PYTHON:
        pytest.skip("a function is not behind a wire")
    return far


def perform(far: ByPython, do: str, *, cancelled_after: float | None = None, **more: Any) -> tuple[Any, ToolContext]:
    work = work_of(do, **more)
    context = ToolContext(work)
    if cancelled_after is not None:
        context.cancelled_at = time.monotonic() + cancelled_after
    return TRANSPORTS[far.transport].perform(far.performer(do), work, context), context


def test_every_transport_is_called_by_its_name() -> None:
    assert set(TRANSPORTS) == set(TransportName)
    assert all(transport.name is name for name, transport in TRANSPORTS.items())


def test_a_result_comes_back_as_it_is(far: ByPython) -> None:
    answer, _ = perform(far, "say", said="Grüß Gott ☃ <data> </data>")

    assert answer == Done({"said": "Grüß Gott ☃ <data> </data>"})
    assert json.loads(answer.text) == answer.value


def test_what_json_cannot_hold_is_no_result(far: ByPython) -> None:
    with pytest.raises(ResultUnusable):
        perform(far, "unfit")


def test_a_failure_that_may_pass_is_retryable_and_says_why(far: ByPython) -> None:
    with pytest.raises(AgentFailure) as failed:
        perform(far, "fail")

    assert failed.value.retryable
    assert "broke" in str(failed.value) or "had an error" in str(failed.value)


def test_a_failure_that_will_not_pass_is_permanent_and_says_why(far: ByPython) -> None:
    with pytest.raises(PermanentFailure) as failed:
        perform(far, "fail for good")

    assert not failed.value.retryable
    assert "No such customer" in str(failed.value) or "does not know that" in str(failed.value)


def test_an_agent_that_takes_too_long_is_given_up_on_time(far: ByPython) -> None:
    began = time.monotonic()
    with pytest.raises(AgentTimedOut):
        perform(far, "hang", timeout=0.4)

    assert 0.3 < time.monotonic() - began < 3


def test_it_is_given_up_on_time_in_any_thread(far: ByPython) -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            perform(far, "hang", timeout=0.3)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(5)

    assert [type(error) for error in raised] == [AgentTimedOut]


def test_a_busy_agent_says_when_to_ask_again(far: ByPython) -> None:
    with pytest.raises(AgentBusy) as busy:
        perform(far, "busy")

    assert busy.value.retryable
    assert busy.value.retry_after == 2.0


def test_work_that_is_called_off_ends_soon(far: ByPython) -> None:
    began = time.monotonic()
    with suppress(WorkCancelled):  # a function may see it by itself, and return
        perform(far, "hang", timeout=30, cancelled_after=0.3)

    assert time.monotonic() - began < 5


def test_work_that_was_called_off_before_is_not_put_to_an_agent_behind_a_wire(wired: ByPython) -> None:
    with pytest.raises(WorkCancelled):
        perform(wired, "say", cancelled_after=0)

    assert wired.keys == []


def test_what_an_agent_used_is_booked(far: ByPython) -> None:
    _, context = perform(far, "use")

    assert context.used["tokens_in"] > 0
    assert context.used["tokens_out"] > 0
    assert context.used["cost"] > 0


def test_every_call_over_a_wire_that_cost_something_is_listed(wired: ByPython) -> None:
    _, context = perform(wired, "use", attempt=3)

    call = AgentCall.objects.get()
    assert (str(call.project_id), call.attempt) == (context.project_id, 3)
    assert (call.tokens_in, call.tokens_out) == (context.used["tokens_in"], context.used["tokens_out"])
    assert float(call.cost) == pytest.approx(context.used["cost"])


def test_signs_of_life_reach_the_context(far: ByPython) -> None:
    _, context = perform(far, "work on")

    assert context.beats


def test_the_idempotency_key_is_the_same_over_attempts(far: ByPython) -> None:
    for attempt in (1, 2):
        perform(far, "say", attempt=attempt, said="x")

    first, second = far.keys
    assert first == second
    assert first.startswith("key-of-the-step")


def test_an_answer_of_a_megabyte_comes_whole(far: ByPython) -> None:
    answer, _ = perform(far, "much", text=MEGABYTE)

    assert answer.value == {"text": MEGABYTE}


def test_an_answer_above_the_limit_is_refused_and_not_read_to_its_end(wired: ByPython) -> None:
    with pytest.raises(ResultUnusable, match="PHASEGATE_AGENT_ANSWER_MAX_BYTES"):
        perform(wired, "too much")


def test_settings_that_work_pass_the_check_and_the_agent_is_alive(far: ByPython) -> None:
    TRANSPORTS[far.transport].check(far.performer("say"))

    assert TRANSPORTS[far.transport].probe(far.performer("say"), timeout=2)


def test_an_agent_that_is_not_there_is_not_alive_and_asking_it_never_raises(far: ByPython) -> None:
    performer = far.performer("say")
    if far.transport is TransportName.PYTHON:
        performer = type(performer)("x", "nobody-of-that-name")
    far.close()

    assert TRANSPORTS[far.transport].probe(performer, timeout=1) is False


def test_a_process_that_calls_functions_only_does_not_import_what_the_others_need() -> None:
    """A worker that is started again has the time of its start to make up for."""
    program = (
        "import django, sys; django.setup(); import agents.transports; "
        "sys.exit(' '.join({'httpx2', 'httpcore2', 'h11'} & set(sys.modules)))"
    )
    named = {"DJANGO_SETTINGS_MODULE": "orchestrator_site.settings", "PHASEGATE_PROCESS": "worker-cpu"}
    environment = {**os.environ, **named}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)

    assert done.stderr.strip() == ""
