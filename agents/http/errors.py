"""What can go wrong between a request and its reply."""

from __future__ import annotations

from orchestrator_site.errors import PhasegateError


class EgressRefused(PhasegateError):
    """That address may not be reached from here."""

    code = "egress_refused"
    http_status = 422


class NotReached(PhasegateError):
    """Nobody answers at that address."""

    code = "not_reached"
    http_status = 502
    retryable = True


class TookTooLong(PhasegateError):
    """The reply was not there in time."""

    code = "took_too_long"
    http_status = 504
    retryable = True


class ReplyTooLarge(PhasegateError):
    """The reply is larger than allowed."""

    code = "reply_too_large"
    http_status = 502


class ReplyBroken(PhasegateError):
    """The reply broke off, or is no HTTP."""

    code = "reply_broken"
    http_status = 502
    retryable = True
