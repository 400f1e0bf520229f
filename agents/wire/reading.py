"""Settings of an agent, read by the transport they are for."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agents.errors import AgentSettingsRefused
from agents.values import Performer


class TransportSettings(BaseModel):
    """What the settings of a transport share: no key that means nothing, and no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


GUARDS = "resilience"
"""The key under which an agent's settings hold its own rules of circuit and rate, as ``resilience.rules.SETTING``."""

Read = TypeVar("Read", bound=TransportSettings)


def settings_of(agent: Performer, model: type[Read]) -> Read:
    """The agent's settings. Raises ``AgentSettingsRefused`` naming every mistake, and no value: some are secret."""
    try:
        return model.model_validate({name: said for name, said in agent.settings.items() if name != GUARDS})
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise AgentSettingsRefused(
            f"The settings of agent {agent.name!r} are wrong: {'; '.join(told)}.", problems=told
        ) from None
