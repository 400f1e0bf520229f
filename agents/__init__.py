"""Agents: the performers of steps. ``from agents import agent`` makes a function one."""

from agents.definition import AgentContext, agent

__all__ = ["AgentContext", "agent"]
