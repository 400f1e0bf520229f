"""Pause, resume and cancel on the site and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from orchestrator_site.history import services as history
from projects.models import Project
from tests.builders import as_actor, look, person
from tests.pages.asking import asking

pytestmark = pytest.mark.django_db
LIST = "/admin/projects/project/"


def address(project: Project, verb: str) -> str:
    return reverse("dashboard:control", args=[project.pk, verb])


def reason_of(project: Project, kind: str) -> Any:
    return history.events_of(project.pk).filter(kind=kind).get().data["reason"]


def test_a_pause_is_asked_with_its_reason_and_done_by_a_post(operator: Client) -> None:
    project = asking()

    assert "Pause the project?" in operator.get(address(project, "pause")).content.decode()
    assert look(project).directive == "run"
    operator.post(address(project, "pause"), {"reason": "Budget."})

    assert look(project).directive == "pause"
    assert reason_of(project, "project.paused") == "Budget."
    assert LogEntry.objects.get().change_message == "Pause. Budget."
    offered = operator.get(reverse("dashboard:project", args=[project.pk])).content.decode()
    assert address(project, "resume") in offered
    assert address(project, "pause") not in offered


def test_what_cannot_be_done_now_is_a_conflict_with_the_reason(operator: Client) -> None:
    project = asking()

    answer = operator.post(address(project, "resume"), {"reason": "why not"})

    assert answer.status_code == 409
    assert "is not paused" in answer.content.decode()
    assert ">why not</textarea>" in answer.content.decode()


def test_cancelling_ends_it(operator: Client) -> None:
    project = asking()

    answer = operator.post(address(project, "cancel"), {"reason": "Too dear."}, follow=True)

    assert look(project).state == "cancelled"
    assert "cancelled" in answer.content.decode()
    assert operator.post(address(project, "cancel")).status_code == 409


def test_readers_may_look_and_not_steer(browser_of: Callable[[Any], Client]) -> None:
    reader = browser_of(person("rita", may=["view_project"]))
    project = asking()

    assert reader.get(address(project, "pause")).status_code == 403
    assert reader.post(address(project, "pause")).status_code == 403
    assert look(project).directive == "run"


def test_a_verb_that_there_is_not_is_not_found(operator: Client) -> None:
    assert operator.get(address(asking(), "explode")).status_code == 404


@pytest.fixture
def root(browser_of: Callable[[Any], Client]) -> Client:
    return browser_of(person("root", is_superuser=True, is_staff=True))


def chosen(verb: str, *projects: Project, **more: str) -> dict[str, Any]:
    return {"action": f"{verb}_selected", "_selected_action": [str(each.pk) for each in projects], **more}


def test_several_are_steered_in_the_admin_after_being_shown(root: Client) -> None:
    one, two = asking(title="One"), asking(title="Two")

    shown = root.post(LIST, chosen("pause", one, two)).content.decode()
    assert "One" in shown
    assert look(one).directive == "run"
    root.post(LIST, chosen("pause", one, two, confirmed="yes", reason="Audit."))
    answer = root.post(LIST, chosen("pause", one, confirmed="yes"), follow=True)

    assert {look(one).directive, look(two).directive} == {"pause"}
    assert reason_of(two, "project.paused") == "Audit."
    assert "cannot be paused" in answer.content.decode()


def test_the_admin_steers_for_nobody_without_the_right(browser_of: Callable[[Any], Client]) -> None:
    reader = browser_of(person("rita", may=["view_project"], is_staff=True))
    project = asking()

    assert "pause_selected" not in reader.get(LIST).content.decode()
    reader.post(LIST, chosen("cancel", project, confirmed="yes"))

    assert look(project).state == "running"


def test_projects_of_the_admin_are_read_only_and_found_by_id(root: Client) -> None:
    project, _other = asking(title="Mine"), asking(title="Other")
    page = reverse("admin:projects_project_change", args=[project.pk])

    root.post(page, {"state": "completed", "title": "Hacked"})
    assert (look(project).state, look(project).title) == ("running", "Mine")
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.get(f"{LIST}{project.pk}/delete/").status_code == 403
    found = root.get(f"{LIST}?q={project.pk}").context["cl"].result_list
    assert [each.title for each in found] == ["Mine"]


@pytest.mark.parametrize("model", ["project", "phase", "step", "approval", "document", "blueprintversion", "worker"])
def test_every_list_and_page_of_the_admin_opens(root: Client, model: str) -> None:
    from django.apps import apps

    asking(actor=as_actor(person("owner")))
    assert root.get(f"/admin/projects/{model}/?q=a").status_code == 200
    assert root.get(f"/admin/projects/{model}/").status_code == 200
    row = apps.get_model("projects", model).objects.first()
    if row is not None:
        assert root.get(reverse(f"admin:projects_{model}_change", args=[row.pk])).status_code == 200
