"""Secrets of agents: named in their settings, kept in the environment.

What is registered holds ``env:NAME`` and never a value, so that no export, page or log can show one. Which variables
may be named, and the one host each may go to, is the operator's to say: whoever may register an agent could otherwise
have any variable of the process sent to an address of theirs.
"""

from __future__ import annotations

import base64
import binascii
import os
from functools import lru_cache

from standardwebhooks import Webhook

from agents.errors import AgentSettingsRefused
from orchestrator_site.conf import conf

LEAST_BYTES = 24
"""Of a secret that signs, as Standard Webhooks asks for."""


def secret_of(reference: str, *, host: str) -> str:
    """The value of ``env:NAME`` for requests to this host. Raises ``AgentSettingsRefused``."""
    scheme, _, name = reference.partition(":")
    if scheme != "env" or not name:
        raise AgentSettingsRefused("A secret is named as env:NAME, the variable of the environment that holds it.")
    if f"{name}@{host}" not in conf().agent_secrets:
        raise AgentSettingsRefused(
            f"The variable {name} may not go to {host}: add {name}@{host} to PHASEGATE_AGENT_SECRETS."
        )
    value = os.environ.get(name, "")
    if not value:
        raise AgentSettingsRefused(f"The variable {name} is empty in this process: set it for workers and web.")
    return value


@lru_cache(maxsize=1024)
def signer_of(secret: str) -> Webhook:
    """What signs with a secret as Standard Webhooks writes it. Raises ``AgentSettingsRefused``, not telling it."""
    try:
        coded = secret.removeprefix("whsec_").rstrip("=")
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or len(key) < LEAST_BYTES:
        raise AgentSettingsRefused(
            f"A secret that signs is whsec_ and {LEAST_BYTES} random bytes or more in base64: "
            "echo whsec_$(openssl rand -base64 32)."
        )
    return Webhook(key)
