"""What a swarm refuses."""

from __future__ import annotations

from orchestrator_site.errors import InvalidInput, PhasegateError, Refused


class SwarmSettingsRefused(InvalidInput):
    """The swarm's settings cannot work."""

    code = "swarm_settings_refused"


class SwarmStateUnreadable(PhasegateError):
    """What is kept of a swarm is not a state that this version can go on from."""

    code = "swarm_state_unreadable"


class TooFewEvaluations(PhasegateError):
    """Too few of a generation's candidates were evaluated to learn from them; evaluating them again may help."""

    code = "too_few_evaluations"
    http_status = 502
    retryable = True


class SwarmHasEnded(Refused):
    """The swarm has ended, and asks for nothing more."""

    code = "swarm_has_ended"


class NobodyLeft(PhasegateError):
    """Items are left over, and no agent is alive that could take them."""

    code = "nobody_left"
    http_status = 503
    retryable = True
