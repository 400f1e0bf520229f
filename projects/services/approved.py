"""What people approved, for those that act on it: the content as it was decided, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.errors import ExpressionFailed
from projects.models import Approval, Phase
from projects.models.approval import AT_A_GATE
from projects.planning.gating import AT_THE_LIMIT
from projects.states import ApprovalState


class ApprovedContents(Mapping[str, Any]):
    """Contents of approvals by phase key, read when they are asked for, of the latest round that was approved.

    What is handed out is what was decided: its digest must be the one that the event of the decision holds. Raises
    ``ExpressionFailed`` where it is another. ``but`` leaves out the present round of a phase that is at its gate.
    """

    def __init__(self, project_id: UUID, but: Phase | None = None) -> None:
        self._project_id = project_id
        self._but = but

    def __getitem__(self, key: str) -> Any:
        approval = self._approved[key]
        content = approval["content"]
        if not is_decided(self._project_id, approval["id"], digest_of(content)):
            raise ExpressionFailed(
                f"the content of the approval of {key!r} is not what was decided: it was changed in the database"
            )
        return {name: value for name, value in content.items() if name != AT_THE_LIMIT}

    def __iter__(self) -> Iterator[str]:
        return iter(self._approved)

    def __len__(self) -> int:
        return len(self._approved)

    def __contains__(self, key: object) -> bool:
        return key in self._approved

    @cached_property
    def _approved(self) -> dict[str, dict[str, Any]]:
        approved = Approval.objects.filter(
            project_id=self._project_id, state=ApprovalState.APPROVED, purpose__in=AT_A_GATE
        )
        if self._but is not None:
            approved = approved.exclude(phase=self._but, round__gte=self._but.round)
        in_order = approved.order_by("phase__position", "round", "opened_at")
        return {row["phase__key"]: dict(row) for row in in_order.values("phase__key", "id", "content")}


_KNOWN: dict[tuple[UUID, str], None] = {}
_KNOWN_AT_MOST = 4096


def is_decided(project_id: UUID, approval_id: UUID, digest: str) -> bool:
    """Whether people decided content of this digest, by the event of the decision, which never changes.

    A yes is kept, so that the history is read once a process and not once a step. Decisions of before the digest was
    kept say nothing of it, and are believed; so is a history that was archived, when its project is brought back.
    """
    if (approval_id, digest) in _KNOWN:
        return True
    decisive = ["approval.approved", "approval.carried"]
    events = history.events_of(project_id, kinds=decisive, subject=str(approval_id))
    event = events.order_by("-id").first()
    if event is None:
        return bool(history.archives_of(project_id))
    decided = bool(event.data.get("content_sha256", digest) == digest)
    if decided:
        if len(_KNOWN) >= _KNOWN_AT_MOST:
            _KNOWN.clear()
        _KNOWN[approval_id, digest] = None
    return decided
