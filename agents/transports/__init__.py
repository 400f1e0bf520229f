"""How agents are reached: one small class a transport, by name. To add one: a module, and a line below."""

from __future__ import annotations

from agents.transports.base import Transport
from agents.transports.http import HttpTransport
from agents.transports.llm import LlmTransport
from agents.transports.python import PythonTransport
from agents.values import TransportName

TRANSPORTS: dict[TransportName, Transport] = {
    TransportName.PYTHON: PythonTransport(),
    TransportName.HTTP: HttpTransport(),
    TransportName.LLM: LlmTransport(),
}

__all__ = ["TRANSPORTS", "Transport"]
