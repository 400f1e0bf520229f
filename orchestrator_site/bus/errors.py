"""What can go wrong with the message bus."""

from __future__ import annotations

from orchestrator_site.errors import InvalidInput, NotFound, PhasegateError, Unavailable


class TopicInvalid(InvalidInput):
    """The topic is not words of letters, digits, hyphens and underscores, joined by dots."""

    code = "topic_invalid"


class EventInvalid(InvalidInput):
    """The event lacks what every event has, or holds what JSON cannot."""

    code = "event_invalid"


class MessageUnreadable(PhasegateError):
    """The message holds no events that this bus can read."""

    code = "message_unreadable"


class EventRefused(PhasegateError):
    """The handler says that it will never be able to handle this event: it goes to the dead letters at once."""

    code = "event_refused"


class GroupUnknown(NotFound):
    """Nothing is subscribed under this group."""

    code = "group_unknown"


class BusUnavailable(Unavailable):
    """The message broker does not answer; what was to be published may or may not have arrived."""

    code = "bus_unavailable"


class BusMisconfigured(PhasegateError):
    """The bus cannot work with these settings."""

    code = "bus_misconfigured"


class NoReply(PhasegateError):
    """Nobody answered in time; the request may still be worked on."""

    code = "no_reply"
    http_status = 504
    retryable = True


class RequestFailed(PhasegateError):
    """Whoever was asked answered that it failed."""

    code = "request_failed"
    http_status = 502
