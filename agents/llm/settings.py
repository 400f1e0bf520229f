"""The settings of an agent that is a language model."""

from __future__ import annotations

import re
from string import Template
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agents.llm.answers import check_schema
from agents.llm.prompting import PLACEHOLDERS
from agents.wire.reading import TransportSettings

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
DEAREST = 100_000.0
"""Of a million tokens: far above any price, and low enough that every sum can be stored."""


class Price(BaseModel):
    """Per million tokens, in the currency of budgets."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    tokens_in: float = Field(0.0, ge=0, le=DEAREST, alias="in")
    tokens_out: float = Field(0.0, ge=0, le=DEAREST, alias="out")


class Tool(TransportSettings):
    """A registered agent that the model may call; ``parameters`` is the JSON Schema of what it takes."""

    agent: str = Field(min_length=1, max_length=100)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object"})

    @property
    def name(self) -> str:
        """The agent's name with the signs that names of functions may have."""
        return _NOT_IN_NAMES.sub("_", self.agent)[:_LONGEST_NAME]

    @field_validator("parameters")
    @classmethod
    def _is_schema(cls, given: dict[str, Any]) -> dict[str, Any]:
        check_schema(given)
        return given


class LlmSettings(TransportSettings):
    """Where the model is, what it is told, and what it may do.

    ``base_url`` without ``/chat/completions``; ``key`` as ``env:NAME``, empty for servers that want none.
    ``instructions`` may name ``$agent``, ``$step`` and ``$capability``, and nothing of the step's data, which the
    model gets by itself. ``tools`` are all the agents it may call. ``limit_as`` is what the server calls the limit of
    tokens.
    """

    base_url: str
    model: str = Field(min_length=1, max_length=200)
    instructions: str = Field(min_length=1)
    key: str = ""
    output_schema: dict[str, Any] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    seed: int | None = None
    max_tokens: int = Field(2048, ge=1)
    limit_as: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    tools: tuple[Tool, ...] = ()
    max_rounds: int = Field(8, ge=1, le=50)
    price: Price | None = None
    health_url: str = ""

    @property
    def url(self) -> str:
        """Where completions are asked for."""
        return f"{self.base_url.rstrip('/')}/chat/completions"

    @field_validator("output_schema")
    @classmethod
    def _is_schema(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        if given is not None:
            check_schema(given)
        return given

    @field_validator("instructions")
    @classmethod
    def _placeholders(cls, given: str) -> str:
        template = Template(given)
        if not template.is_valid():
            raise ValueError("a $ that is no placeholder is written $$")
        unknown = sorted(set(template.get_identifiers()) - PLACEHOLDERS)
        if unknown:
            raise ValueError(
                f"${unknown[0]} is no placeholder: there are {', '.join(f'${each}' for each in sorted(PLACEHOLDERS))}. "
                "The step's data reaches the model beside the instructions, never inside them"
            )
        return given

    @model_validator(mode="after")
    def _tools_apart(self) -> LlmSettings:
        names = [tool.name for tool in self.tools]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tools would both be called {twice[0]!r}")
        return self
