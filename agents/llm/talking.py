"""One conversation with a model: rounds of tools, one more try at the form, and the account of every call.

A round: (1) the most it may use is held against what is left for the step; (2) the model is asked; (3) what it used is
booked; (4) tools that it calls are called, or its answer is read. Whatever raises in between, what was used is booked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from agents import calls
from agents.definition import AgentContext
from agents.errors import (
    AgentFailure,
    AgentNotFound,
    AgentTimedOut,
    AllowanceTooSmall,
    PermanentFailure,
    ResultUnusable,
    WorkCancelled,
)
from agents.llm import prompting, spending
from agents.llm.abilities import CallsAgents, HasAllowance
from agents.llm.answers import Fits, Misses, Said, ToolCall, checked, fit, said
from agents.llm.settings import LlmSettings, Price, Tool
from agents.values import Performer, Work
from agents.wire.asking import ask
from agents.wire.envelope import encoded
from agents.wire.replies import failure_of
from agents.wire.results import parsed
from orchestrator_site.clock import now

MOST_CALLS_A_ROUND = 16
MOST_TOOL_BYTES = 64 * 1024
"""Of one tool's result; a larger one is not shown to the model."""


class Conversation:
    """A conversation about one attempt at a step."""

    def __init__(
        self, agent: Performer, work: Work, context: AgentContext, settings: LlmSettings, *, key: str, price: Price
    ) -> None:
        self._agent = agent
        self._work = work
        self._context = context
        self._settings = settings
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._price = price
        self._until = time.monotonic() + work.timeout
        self._tools = {tool.name: tool for tool in settings.tools}
        self._messages = opening(agent, work, settings, context.rework)
        self._asked = 0
        self._asked_again = False

    def result(self) -> Any:
        """What the model answers in the end. Raises as ``Transport.perform`` says."""
        rounds = self._settings.max_rounds if self._tools else 0
        while True:
            answer = self._ask(may_call=rounds > 0)
            if answer.tool_calls:
                self._call_tools(answer, rounds)
                rounds -= 1
            else:
                fitting = self._read(answer)
                if isinstance(fitting, Fits):
                    return fitting.value

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, *, may_call: bool) -> Said:
        body = encoded(request(self._settings, self._messages, may_call=may_call))
        self._refuse_what_is_too_dear(body)
        self._asked += 1
        headers = {"Idempotency-Key": f"{self._work.idempotency_key}-{self._asked}", **self._headers}
        began = time.monotonic()
        reply = ask(self._agent, self._settings.url, body, headers, timeout=self._time_left(), context=self._context)
        if reply.status != 200:
            raise failure_of(self._agent.name, reply.status, reply.headers, reply.body, now=now())
        try:
            answer = said(parsed(self._agent.name, reply.body))
        except ValueError as error:
            raise ResultUnusable(f"Agent {self._agent.name!r} answered 200, but {error}.") from error
        written = answer.content + "".join(call.arguments for call in answer.tool_calls)
        usage = spending.used(body, written, (answer.tokens_in, answer.tokens_out), self._price)
        seconds = time.monotonic() - began
        calls.book(self._agent, self._work, self._context, usage, seconds=seconds, model=self._settings.model)
        return answer

    def _refuse_what_is_too_dear(self, body: str) -> None:
        if not isinstance(self._context, HasAllowance):
            return
        wanted = spending.most(body, self._settings.max_tokens, self._price)
        lacking = spending.lacking(self._context.allowance(), wanted)
        if lacking:
            raise AllowanceTooSmall(f"Agent {self._agent.name!r} is not asked: {lacking}.")

    def _time_left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise AgentTimedOut(f"Agent {self._agent.name!r} took longer than {self._work.timeout:g} s.")
        return left

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read(self, answer: Said) -> Fits | Misses:
        """The answer in its form, or that it is asked for once more. Raises ``ResultUnusable`` the second time."""
        if answer.refusal or answer.finish == "content_filter":
            raise PermanentFailure(f"Agent {self._agent.name!r} refuses: {answer.refusal[:300] or 'content filter'}.")
        fitting = fit(answer, self._settings.output_schema)
        if isinstance(fitting, Misses):
            if self._asked_again:
                raise ResultUnusable(
                    f"Agent {self._agent.name!r} missed the form of its answer twice: {' '.join(fitting.errors)}"
                )
            self._asked_again = True
            formed = self._settings.output_schema is not None
            self._messages += prompting.asked_again(answer.content, fitting.errors, formed=formed)
        return fitting

    # --- tools -------------------------------------------------------------------------------------------------------

    def _call_tools(self, answer: Said, left: int) -> None:
        if left == 0:
            raise PermanentFailure(
                f"Agent {self._agent.name!r} calls a tool when it may not: its rounds are over, or it has none."
            )
        if len(answer.tool_calls) > MOST_CALLS_A_ROUND:
            raise PermanentFailure(
                f"Agent {self._agent.name!r} calls {len(answer.tool_calls)} tools at once: too many."
            )
        self._messages.append(
            prompting.called(answer.content, [(c.id, c.name, c.arguments) for c in answer.tool_calls])
        )
        for call in answer.tool_calls:
            self._messages.append(prompting.tool_result(call.id, self._call_tool(call)))
        self._context.heartbeat({"round": self._asked})

    def _call_tool(self, call: ToolCall) -> dict[str, Any]:
        """A tool's result or, as data too, why there is none: the model may do better in its next round."""
        tool = self._tools.get(call.name)
        if tool is None:
            return {"error": "There is no such tool."}
        arguments = checked(call.arguments or "{}", tool.parameters)
        if isinstance(arguments, Misses):
            return {"error": "The arguments do not fit.", "problems": list(arguments.errors)}
        if not isinstance(arguments.value, dict):
            return {"error": "The arguments are no object."}
        return self._perform(tool, arguments.value)

    def _perform(self, tool: Tool, params: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(self._context, CallsAgents):
            raise PermanentFailure(f"Agent {self._agent.name!r} has tools, and no agents can be called from here.")
        try:
            result = self._context.call_agent(tool.agent, params, timeout=self._time_left())
        except (AgentTimedOut, WorkCancelled):
            raise
        except (AgentFailure, AgentNotFound) as error:
            return {"error": str(error)[:500]}
        size = len(json.dumps(result, default=str))
        if size > MOST_TOOL_BYTES:
            return {"error": f"The result has {size} bytes; {MOST_TOOL_BYTES} at most can be shown. Ask for less."}
        return {"result": result}


def opening(agent: Performer, work: Work, settings: LlmSettings, rework: Any = ()) -> list[prompting.Message]:
    """The first messages: the agent's instructions, and the step's parameters and comments as data."""
    words = {"agent": agent.name, "step": work.step_key, "capability": work.capability or ""}
    data = {"params": dict(work.params), **({"comments": list(rework)} if rework else {})}
    return prompting.opening(settings.instructions, words, data, formed=settings.output_schema is not None)


def request(settings: LlmSettings, messages: list[prompting.Message], *, may_call: bool) -> dict[str, Any]:
    """The body of one request."""
    body: dict[str, Any] = {"model": settings.model, "messages": messages, settings.limit_as: settings.max_tokens}
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.seed is not None:
        body["seed"] = settings.seed
    if settings.output_schema is not None:
        formed = {"name": "answer", "strict": True, "schema": settings.output_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": formed}
    if settings.tools:
        body["tools"] = [prompting.tool_spec(tool.name, tool.description, tool.parameters) for tool in settings.tools]
        body["tool_choice"] = "auto" if may_call else "none"
    return body
