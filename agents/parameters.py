"""Parameters of Python agents as a model of pydantic: said once, in the annotation of the function."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.errors import PermanentFailure

AgentFunction = Callable[..., Any] | Callable[..., Awaitable[Any]]


def with_validated_params(function: AgentFunction) -> AgentFunction:
    """The function as the engine calls it: with a context, and nothing else.

    ``def shout(context, params: Shout)``, where ``Shout`` is a model of pydantic, gets the step's parameters as one;
    parameters that do not fit fail the step for good, before the function is called. Any other function is given back
    as it is.
    """
    model = _model_of(function)
    if model is None:
        return function
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(context: Any) -> Any:
            return await function(context, _read(model, context))

        return awaited

    @functools.wraps(function)
    def called(context: Any) -> Any:
        return function(context, _read(model, context))

    return called


def _model_of(function: AgentFunction) -> type[BaseModel] | None:
    """The model that annotates the second parameter. Raises ``TypeError`` where that is annotated otherwise."""
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if len(needed) < 2:
        return None
    try:
        model = typing.get_type_hints(function).get(needed[1].name)
    except NameError as error:
        raise TypeError(f"An annotation of agent {function.__qualname__} is not there at run time: {error}.") from error
    if len(needed) > 2 or not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(
            "An agent takes a context and, annotated with a model of pydantic, its parameters: "
            f"{function.__qualname__} asks for something else."
        )
    return model


def _read(model: type[BaseModel], context: Any) -> BaseModel:
    try:
        return model.model_validate(dict(context.params))
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, problem['loc'])) or 'params'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise PermanentFailure(f"The parameters do not fit: {'; '.join(told)}.", problems=told) from error
