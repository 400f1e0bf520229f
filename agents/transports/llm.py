"""An agent that is a language model behind an OpenAI-compatible chat API."""

from __future__ import annotations

from agents.definition import AgentContext
from agents.errors import AgentSettingsRefused
from agents.http import egress
from agents.http.errors import EgressRefused
from agents.llm import spending
from agents.llm.settings import LlmSettings, Price
from agents.llm.talking import Conversation, opening, request
from agents.usage import CallUsage
from agents.values import Answer, Performer, TransportName, Work
from agents.wire.asking import check_address, there, well
from agents.wire.envelope import encoded
from agents.wire.reading import settings_of
from agents.wire.results import done
from agents.wire.secrets import secret_of
from orchestrator_site.conf import conf


class LlmTransport:
    """Holds a conversation with the model, and gives what it answers in the end."""

    name = TransportName.LLM

    def perform(self, agent: Performer, work: Work, context: AgentContext) -> Answer:
        """Talk with the model. Raises as ``Transport.perform`` says, and ``AllowanceTooSmall``."""
        settings = settings_of(agent, LlmSettings)
        talk = Conversation(agent, work, context, settings, key=_key(settings), price=price_of(settings))
        return done(agent.name, talk.result())

    def check(self, agent: Performer) -> None:
        """Refuse addresses that may not be reached, keys that are not there, schemas that are none."""
        settings = settings_of(agent, LlmSettings)
        check_address(agent, settings.url)
        if settings.health_url:
            check_address(agent, settings.health_url)
        _key(settings)

    def probe(self, agent: Performer, *, timeout: float) -> bool:
        """Whether its health address answers 2xx; without one, whether its server answers."""
        try:
            settings = settings_of(agent, LlmSettings)
            if settings.health_url:
                return well(settings.health_url, {}, timeout=timeout)
            url = f"{settings.base_url.rstrip('/')}/models"
            return there("GET", url, _authorization(_key(settings)), timeout=timeout)
        except AgentSettingsRefused:
            return False


def price_of(settings: LlmSettings) -> Price:
    """What the model costs: as its agent says, else as the settings of the product do, else nothing."""
    if settings.price is not None:
        return settings.price
    told = conf().llm_prices.get(settings.model)
    return Price(tokens_in=told.get("in", 0.0), tokens_out=told.get("out", 0.0)) if told else spending.FREE


def estimate(agent: Performer, work: Work) -> CallUsage:
    """The most that the first call of a conversation may use, before it is made. Raises ``AgentSettingsRefused``."""
    settings = settings_of(agent, LlmSettings)
    body = encoded(request(settings, opening(agent, work, settings), may_call=bool(settings.tools)))
    return spending.most(body, settings.max_tokens, price_of(settings))


def _key(settings: LlmSettings) -> str:
    """The key of the server, empty where it wants none. Raises ``AgentSettingsRefused``."""
    if not settings.key:
        return ""
    try:
        host = egress.target_of(settings.url).host
    except EgressRefused as error:
        raise AgentSettingsRefused(str(error)) from error
    return secret_of(settings.key, host=host)


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
