"""What can go wrong with access."""

from __future__ import annotations

from orchestrator_site.errors import Forbidden, InvalidInput, NotFound, Refused


class KeyNotFound(NotFound):
    """There is no such API key."""

    code = "api_key_not_found"


class KeyRefused(Refused):
    """This cannot be done with the API key as it is."""

    code = "api_key_refused"


class KeyInvalid(InvalidInput):
    """The API key cannot be made so."""

    code = "api_key_invalid"


class RoleExceedsUser(Forbidden):
    """A key may not do more than the user for whom it acts."""

    code = "role_exceeds_user"


class CapabilityMissing(Forbidden):
    """You have no right to do this."""

    code = "forbidden"
