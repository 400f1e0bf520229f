"""The two agents of the hello blueprint."""

from __future__ import annotations

from agents.definition import AgentContext, agent


@agent("greeter", capabilities={"text.greet": "1.0.0"}, queue="io")
def greet(context: AgentContext) -> dict[str, str]:
    """Greet whoever is named."""
    return {"greeting": f"Hello, {context.params['name']}!"}


@agent("shouter", capabilities={"text.shout": "1.0.0"}, queue="io")
def shout(context: AgentContext) -> dict[str, str]:
    """Say the same, louder."""
    return {"greeting": str(context.params["text"]).upper()}
