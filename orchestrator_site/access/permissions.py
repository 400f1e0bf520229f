"""What a view asks of who calls it: ``permission_classes = [Requires("project.start")]``."""

from __future__ import annotations

import functools
import logging
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orchestrator_site.access.actors import actor_of_request
from orchestrator_site.access.roles import Capability

logger = logging.getLogger(__name__)


class RequiresCapability(BasePermission):
    """Asks for one capability; refusals are logged."""

    capability: Capability
    code = "forbidden"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the actor behind the request has it."""
        actor = actor_of_request(request)
        if actor.may(self.capability):
            return True
        if actor.user_id is not None:
            logger.warning(
                "refused: %s has not the right %s",
                actor.name,
                self.capability.value,
                extra={"path": request.path, "method": request.method},
            )
        return False


@functools.cache
def Requires(capability: str) -> type[RequiresCapability]:  # noqa: N802 - it stands where a class does
    """The permission class that asks for a capability. Raises ``ValueError`` where there is none such."""
    wanted = Capability(capability)
    return type(
        f"Requires_{wanted.name}",
        (RequiresCapability,),
        {"capability": wanted, "message": f"This needs the right {wanted}.", "__doc__": wanted.meaning},
    )
