"""Logging in with an API key: ``Authorization: Api-Key pg_live_…`` or ``Authorization: Bearer pg_live_…``."""

from __future__ import annotations

import logging
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from orchestrator_site.access.keys import MARK, KeyText, read_key, same
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.narrowing import narrow

logger = logging.getLogger(__name__)

_UNKNOWN = "This API key is not known. Check that it was copied whole."
# Compared with where there is no such prefix, so that the answer takes the same steps.
_NO_DIGEST = "0" * 64


class APIKeyAuthentication(BaseAuthentication):
    """Authenticates a request that carries an API key; leaves others to the next class.

    ``request.user`` is the user for whom the key acts, with no more rights than the key's role has;
    ``request.auth`` is the key. Every refusal is logged, with the prefix and never with the key.
    """

    def authenticate(self, request: Request) -> tuple[Any, APIKey] | None:
        """The user and the key; None where there is none. Raises ``AuthenticationFailed`` for a bad one."""
        text = _key_text(request)
        if text is None:
            return None
        given = read_key(text)
        if given is None:
            raise _refused(request, "not of the form", "", _UNKNOWN)
        key = _matching(request, given)
        APIKey.objects.note_use(key.pk)
        return narrow(key), key

    def authenticate_header(self, request: Request) -> str:
        """What a client without a key is asked for; it makes the answer a 401."""
        return 'Api-Key realm="phasegate"'


def _key_text(request: Request) -> str | None:
    scheme, _, rest = get_authorization_header(request).decode("latin-1").strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "api-key":
        return rest
    return rest if scheme.lower() == "bearer" and rest.startswith(MARK) else None


def _matching(request: Request, given: KeyText) -> APIKey:
    key = APIKey.objects.of_prefix(given.prefix)
    # Nothing is said of a key before its secret has matched.
    if not same(given.digest, key.digest if key is not None else _NO_DIGEST) or key is None:
        raise _refused(request, "unknown", given.prefix, _UNKNOWN)
    now: Any = key.asked_at  # type: ignore[attr-defined]
    if key.revoked_at is not None:
        raise _refused(request, "revoked", key.prefix, "This API key was revoked.")
    if key.expires_at is not None and key.expires_at <= now:
        raise _refused(request, "expired", key.prefix, f"This API key expired on {key.expires_at:%Y-%m-%d}.")
    if not key.user.is_active:
        raise _refused(request, "user not active", key.prefix, "The user of this API key is not active.")
    return key


def _refused(request: Request, why: str, prefix: str, message: str) -> AuthenticationFailed:
    logger.warning(
        "API key refused: %s",
        why,
        extra={"key_prefix": prefix, "address": request.META.get("REMOTE_ADDR", ""), "path": request.path},
    )
    return AuthenticationFailed(message, code="api_key_refused")
