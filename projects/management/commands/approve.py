"""``approve``: decide an approval, in one person's name."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.commanding.people import decider
from orchestrator_site.showing.visible import one_line
from projects.management.describing import approval_document, approval_lines, project_document
from projects.management.finding import approval_of, project_of
from projects.management.given import pairs_of
from projects.models import Approval, Project
from projects.models.approval import Verdict
from projects.services import approvals
from projects.states import ApprovalState


class Command(PhasegateCommand):
    """Approve or reject."""

    help = "Approve, or with --reject send back, what a project waits for."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", nargs="?", help="of the approval, or its last digits")
        parser.add_argument("--project", metavar="ID", help="the project whose open approval is meant")
        parser.add_argument("--reject", action="store_true", help="reject it; needs --comment")
        parser.add_argument("--comment", default="", metavar="TEXT", help="why: for the history, and for rework")
        parser.add_argument("--edit", action="append", default=[], metavar="NAME=VALUE", help="edit its content")
        parser.add_argument(
            "--content-digest", metavar="DIGEST", help="of the content as you saw it; needed where somebody edited it"
        )
        parser.add_argument("--show", action="store_true", help="show it with its present content; decide nothing")
        parser.add_argument("--user", metavar="NAME", help="who decides; default: the only superuser")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, decide, tell."""
        approval = _meant(options["id"], options["project"])
        if options["show"]:
            self._show(approval, as_json=options["json"])
            return
        user = decider(options["user"])
        decided = approvals.decide(
            approval_id=approval.pk,
            user=user,
            verdict=Verdict.REJECT if options["reject"] else Verdict.APPROVE,
            comment=options["comment"],
            edits=pairs_of(options["edit"], approval.form or {}, option="--edit"),
            seen_content=options["content_digest"],
            via="command",
        )
        if options["json"]:
            project = Project.objects.select_related("blueprint", "owner").get(pk=decided.project_id)
            self.write_json({"approval": approval_document(decided), "project": project_document(project)})
        else:
            self.stdout.write(_in_words(decided, user.get_username()))

    def _show(self, approval: Approval, *, as_json: bool) -> None:
        if as_json:
            self.write_json({"approval": approval_document(approval)})
        else:
            self.stdout.write("\n".join(approval_lines(approval)))


def _meant(approval_id: str | None, project_id: str | None) -> Approval:
    if (approval_id is None) == (project_id is None):
        raise Usage("Name the approval by its id, or its project by --project ID; one of the two.")
    if approval_id is not None:
        return approval_of(approval_id)
    return approvals.open_approval_of(project_of(project_id or "", system_actor()))


def _in_words(approval: Approval, by: str) -> str:
    title = one_line(approval.title)
    if approval.state == ApprovalState.OPEN:
        return f"{title}: approved by {by}; {approval.quorum - approval.approvals} more must approve."
    return f"{title}: {approval.state} by {by}."
