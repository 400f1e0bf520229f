"""The Django admin of agents: found, read, registered and asked to leave by the services; no state is written here."""

from agents.admin import agents

__all__ = ["agents"]
