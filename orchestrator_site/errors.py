"""The root of every refusal and failure that Phasegate raises on purpose.

A class per failure, its docstring being the default message; a stable ``code`` for programs, the HTTP status that
says the same over REST, and whether trying again can help.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PhasegateError(Exception):
    """Something went wrong in Phasegate."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1  # of a management command, see the table in product documentation

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.details))


def _rebuild(cls: type[PhasegateError], message: str, details: dict[str, Any]) -> PhasegateError:
    return cls(message, **details)


class InvalidInput(PhasegateError):
    """The input is not valid."""

    code = "invalid_input"
    http_status = 422
    exit_status = 2


class NotFound(PhasegateError):
    """There is no such thing."""

    code = "not_found"
    http_status = 404
    exit_status = 3


class Refused(PhasegateError):
    """This cannot be done in the present state."""

    code = "refused"
    http_status = 409
    exit_status = 4


class Forbidden(PhasegateError):
    """You have no right to do this."""

    code = "forbidden"
    http_status = 403
    exit_status = 4


class Unavailable(PhasegateError):
    """A server that is needed does not answer."""

    code = "unavailable"
    http_status = 503
    retryable = True
