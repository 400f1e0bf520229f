"""Parameters of Python agents, read as a model of pydantic."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agents.errors import PermanentFailure
from agents.parameters import with_validated_params


class Shout(BaseModel):
    text: str
    times: int = Field(1, ge=1)


def given(**params: Any) -> Any:
    return SimpleNamespace(params=params)


def test_an_agent_that_names_a_model_gets_its_parameters_as_one() -> None:
    def shout(context: Any, params: Shout) -> str:
        return params.text.upper() * params.times

    assert with_validated_params(shout)(given(text="hey", times="2")) == "HEYHEY"


def test_so_does_one_that_is_awaited() -> None:
    async def shout(context: Any, params: Shout) -> str:
        return params.text.upper()

    wrapped = with_validated_params(shout)
    assert asyncio.iscoroutinefunction(wrapped)
    assert asyncio.run(wrapped(given(text="hey"))) == "HEY"


def test_parameters_that_do_not_fit_fail_for_good_and_every_mistake_is_told() -> None:
    def shout(context: Any, params: Shout) -> str:
        raise AssertionError("it was called")

    with pytest.raises(PermanentFailure, match=r"text: Field required; times: Input should be greater") as failed:
        with_validated_params(shout)(given(times=0))
    assert not failed.value.retryable


def test_a_function_of_a_context_stays_as_it_is() -> None:
    def plain(context: Any) -> None: ...
    def with_default(context: Any, more: int = 1) -> None: ...

    assert with_validated_params(plain) is plain
    assert with_validated_params(with_default) is with_default


def test_a_function_that_asks_for_something_else_is_no_agent() -> None:
    def two(context: Any, params: dict[str, Any]) -> None: ...
    def three(context: Any, params: Shout, more: int) -> None: ...

    for function in (two, three):
        with pytest.raises(TypeError, match="asks for something else"):
            with_validated_params(function)
