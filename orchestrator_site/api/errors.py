"""What can be wrong with a request itself, before any service is asked."""

from __future__ import annotations

from orchestrator_site.errors import InvalidInput, PhasegateError, Refused


class BodyMalformed(PhasegateError):
    """The body is not what its Content-Type says."""

    code = "body_malformed"
    http_status = 400


class BodyTooLarge(PhasegateError):
    """The body is larger than this server takes."""

    code = "body_too_large"
    http_status = 413


class FieldsInvalid(InvalidInput):
    """Fields of the body are missing, unknown or wrong."""

    code = "fields_invalid"


class TextNotStorable(InvalidInput):
    """The body holds a value that cannot be kept."""

    code = "value_not_storable"


class ParametersInvalid(InvalidInput):
    """Parameters of the query are unknown or wrong."""

    code = "parameters_invalid"


class CursorInvalid(InvalidInput):
    """The cursor is not one of this list: begin again without it."""

    code = "cursor_invalid"


class PreconditionFailed(PhasegateError):
    """It has changed since you read it."""

    code = "precondition_failed"
    http_status = 412


class IdempotencyKeyInvalid(InvalidInput):
    """The Idempotency-Key is to be 1 to 255 visible ASCII characters."""

    code = "idempotency_key_invalid"


class IdempotencyKeyReused(InvalidInput):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class IdempotencyInProgress(Refused):
    """A request with this Idempotency-Key is being worked on."""

    code = "idempotency_in_progress"
    retryable = True
