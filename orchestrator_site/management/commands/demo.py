"""``demo``: one real project from a document to reviewed requirements, before your eyes."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import CommandParser
from django.urls import reverse

from orchestrator_site.access.actors import actor_of
from orchestrator_site.commanding.output import FAILED, INTERRUPTED, PhasegateCommand
from orchestrator_site.conf import BASE_DIR, conf
from orchestrator_site.embedded import ports, presence, processes, schema
from orchestrator_site.embedded.errors import PortTaken
from orchestrator_site.errors import PhasegateError
from projects.errors import ApprovalClosed
from projects.management.describing import approval_lines
from projects.management.watching import questions, view_on
from projects.management.workforce import Workforce, last_lines
from projects.models import Approval, Project
from projects.models.approval import Verdict
from projects.reports import build
from projects.reports.render_text import render_text
from projects.services import approvals, control, creating, intake
from projects.services.registration import find_blueprint
from projects.states import ProjectState

BLUEPRINT = "requirements-extraction"
DOCUMENT = BASE_DIR / "docs" / "examples" / "parcel-locker.md"
INTENT = "Extract the requirements, security first"
STARTER, APPROVER = "demo", "demo-approver"

_PATIENCE = 15.0  # seconds for a site that has just begun to start
_START_UP = 120.0  # seconds for web and workers to be there, on a slow machine
_ROWS = 4  # of each table of the report
_PORT = 8000
_RULE = "─" * 78


class Command(PhasegateCommand):
    """Run the demo."""

    help = "Run one real project end to end, with an approval in the middle, and print its report."
    has_json = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the web server of the demo listens."""
        parser.add_argument("--port", type=int, default=_PORT, help=f"of the web server (default: {_PORT})")

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        """Start what does not run yet, run the project, print its report, and leave nothing running."""
        var = conf().var_dir
        log = var / "log" / "demo.log"
        log.unlink(missing_ok=True)  # what is told in the end is of this run
        project: Project | None = None
        try:
            schema.migrate_under_lock()
            with contextlib.ExitStack() as stack:
                project = self._run(stack, var, port)
                self._show_report(project)
        except KeyboardInterrupt:
            self._say("Stopped. Nothing is lost: with `make up` the project goes on; `make demo` begins another.")
            self.end(INTERRUPTED)
        except (PhasegateError, TimeoutError) as error:
            self._fail(str(error), log)
        if project is None or project.state != ProjectState.COMPLETED:
            self._fail(f"The project is {project.state if project else 'lost'}, not completed.", log)

    def _run(self, stack: contextlib.ExitStack, var: Path, port: int) -> Project:
        self._head("Phasegate: from a document to reviewed requirements")
        workforce = stack.enter_context(Workforce("demo.log", self._say, patience=_PATIENCE))
        if presence.runner(var) is not None:
            site = conf().base_url
            self._say("The site that runs here already (`make up`) does the work.")
        else:
            site = self._start_site(stack, workforce, var, port)
        project = self._start_project()
        self._say(f"Project {project.pk}")
        self._say(f"Page    {site}{page_of(project)}\n")
        return self._follow(project, workforce, site)

    def _start_site(self, stack: contextlib.ExitStack, workforce: Workforce, var: Path, port: int) -> str:
        stack.enter_context(presence.alone(var))
        port = _free(port)
        workforce.roles = [*processes.workers(), processes.web(port=port), processes.beat()]
        self._say("Starting a web server, workers and beat …")
        supervisor = workforce.start()
        if not supervisor.wait_ready(_START_UP):
            raise TimeoutError(f"The web server and the workers did not start within {_START_UP:.0f} s.")
        return f"http://127.0.0.1:{port}"

    def _start_project(self) -> Project:
        self._say(f"Document  {DOCUMENT.relative_to(BASE_DIR)}")
        self._say(f"Blueprint {BLUEPRINT}: read, create and validate, approve, publish")
        starter = _user(STARTER)
        created = creating.create_project(
            blueprint=find_blueprint(BLUEPRINT),
            actor=actor_of(starter, via="command"),
            intent=INTENT,
            documents=[intake.from_path(DOCUMENT)],
            title="Requirements of the parcel locker service",
            rerun=True,  # the same job was done by the demo before: it is to be seen again
        )
        return control.start(project_id=created.project.pk, actor=actor_of(starter, via="command"))

    def _follow(self, project: Project, workforce: Workforce, site: str) -> Project:
        """To the end, deciding each approval on the way."""
        for approval in questions(project.pk, view_on(sys.stdout), meanwhile=workforce.ensure):
            self._decide(approval, site)
        return Project.objects.select_related("blueprint", "owner").get(pk=project.pk)

    def _decide(self, approval: Approval, site: str) -> None:
        self._head("The project waits for a person")
        for line in approval_lines(approval):
            self._say(line)
        approver = _user(APPROVER, groups=approval.groups)
        try:
            approvals.decide(
                approval_id=approval.pk,
                user=approver,
                verdict=Verdict.APPROVE,
                comment="Looks right: approved by the demo.",
                seen_digest=approval.evidence_digest,
                seen_content=approval.content_digest,
                via="command",
            )
        except ApprovalClosed as quicker:
            self._say(quicker.message)
        else:
            self._say(f"\nApproved by {APPROVER}, on this evidence. A person would read it, edit it and decide here:")
            self._say(f"{site}{reverse('dashboard:approval', args=[approval.pk])}")
        self._say(f"{_RULE}\n")

    def _show_report(self, project: Project) -> None:
        self.stdout.write("")
        self.stdout.write(render_text(build(project), most_rows=_ROWS))
        self._head("That was a project. To look at it yourself:")
        self._say("1. `make up` keeps the site running until Ctrl-C, and tells the first log-in.")
        self._say(f"2. Its page:   {conf().base_url}{page_of(project)}")
        self._say(f"3. Its report: manage.py project_status {project.short_id} --report html > report.html")

    def _fail(self, reason: str, log: Path) -> None:
        self.note(f"Error: the demo did not come to its end. {reason}")
        for line in last_lines(log):
            self.note(f"  | {line}")
        self.note(f"What the processes wrote: {log}")
        self.note(f"What the servers wrote:   {log.parent}")
        self.end(FAILED)

    def _head(self, text: str) -> None:
        self._say(f"\n{text}\n{_RULE}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def page_of(project: Project) -> str:
    """The path of a project's page."""
    return reverse("dashboard:project", args=[project.pk])


def _free(port: int) -> int:
    """The port, or another if it is taken: the demo's site is only there to be looked at."""
    try:
        ports.require_free("127.0.0.1", port, "--port")
    except PortTaken:
        return ports.free_port()
    return port


def _user(name: str, *, groups: list[str] | None = None) -> User:
    """A user of the demo, who cannot log in; with ``groups`` one who may decide as a member of them."""
    user, made = User.objects.get_or_create(username=name)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    if groups is not None:
        user.user_permissions.add(Permission.objects.get(codename="decide_approval"))
        user.groups.add(*(Group.objects.get_or_create(name=group)[0] for group in groups))
    return user
