"""What each role may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from orchestrator_site.access.actors import actor_of, permissions_of, roles_of, system_actor
from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.access.roles import TABLE, Capability, Role, goes_with
from tests.access.conftest import Person


def test_every_role_and_capability_has_its_row_and_its_sentence() -> None:
    assert set(TABLE) == set(Role)
    for word in [*Role, *Capability]:
        assert word.meaning.endswith(".")


def test_each_role_may_what_it_is_for_and_nothing_else() -> None:
    may = {role: role.capabilities for role in Role}

    assert may[Role.ADMIN] == frozenset(Capability)
    assert may[Role.APPROVER] == {Capability.APPROVAL_DECIDE}
    assert Capability.APPROVAL_DECIDE not in may[Role.OPERATOR]
    assert {"project.start", "project.control", "project.read"} <= may[Role.OPERATOR]
    assert all(capability.value.endswith(".read") for capability in may[Role.VIEWER])
    assert "project.read" not in may[Role.AGENT]
    only_admin = frozenset(Capability) - frozenset().union(*(may[role] for role in Role if role != Role.ADMIN))
    assert {"access.manage", "project.auto_approve", "blueprint.register"} <= only_admin


def test_a_right_that_there_is_not_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(ValueError, match=r"projects\.read"):
        system_actor().may("projects.read")


@pytest.mark.django_db
class TestUsers:
    def test_groups_of_the_roles_are_there_with_djangos_permissions(self) -> None:
        groups = {group.name: group for group in Group.objects.filter(name__in=list(Role))}

        assert set(groups) == set(Role)
        codes = {name: set(group.permissions.values_list("codename", flat=True)) for name, group in groups.items()}
        assert codes["approver"] == {"decide_approval"}
        assert {"view_project", "start_project", "control_project"} <= codes["operator"]
        assert "decide_approval" not in codes["operator"] | codes["viewer"] | codes["agent"]
        assert all(code.startswith("view_") for code in codes["viewer"])

    def test_a_user_has_the_roles_of_their_groups(self, person: Person) -> None:
        both = person("both", Role.OPERATOR, Role.APPROVER)

        assert roles_of(both) == {Role.OPERATOR, Role.APPROVER}
        assert permissions_of(both) == Role.OPERATOR.capabilities | Role.APPROVER.capabilities

    def test_a_superuser_is_an_admin(self, person: Person) -> None:
        root = person("root", is_superuser=True)

        assert roles_of(root) == {Role.ADMIN}
        assert permissions_of(root) == frozenset(Capability)

    def test_who_is_not_active_may_nothing(self, person: Person) -> None:
        assert permissions_of(person("gone", Role.ADMIN, is_active=False)) == frozenset()
        assert permissions_of(AnonymousUser()) == frozenset()
        assert actor_of(AnonymousUser(), via="session").name == "anonymous"

    def test_a_right_given_in_djangos_way_counts(self, person: Person) -> None:
        anna = person("anna")
        anna.user_permissions.add(Permission.objects.get(codename="decide_approval"))

        assert permissions_of(User.objects.get(pk=anna.pk)) == {Capability.APPROVAL_DECIDE}

    def test_a_group_of_another_name_gives_no_role(self, person: Person) -> None:
        paul = person("paul")
        paul.groups.add(Group.objects.create(name="marketing"))

        assert roles_of(paul) == frozenset()

    def test_an_actor_is_a_value_that_says_who_and_what(self, person: Person) -> None:
        olga = person("olga", Role.OPERATOR)
        actor = actor_of(olga, via="command")

        assert (actor.name, actor.user_id, actor.via) == ("user:olga", olga.pk, "command")
        assert actor.may("project.start")
        actor.require("project.start")
        with pytest.raises(CapabilityMissing, match=r"user:olga has not the right approval\.decide"):
            actor.require("approval.decide")

    def test_a_role_taken_away_is_gone_at_once(self, person: Person) -> None:
        olga = person("olga", Role.OPERATOR)
        olga.groups.clear()

        assert not actor_of(User.objects.get(pk=olga.pk), via="session").may("project.start")


def test_permissions_of_django_go_with_roles_by_their_names() -> None:
    assert goes_with(Role.VIEWER, "projects.view_step")
    assert not goes_with(Role.VIEWER, "projects.change_step")
    assert goes_with(Role.ADMIN, "auth.add_user")
    assert not goes_with(Role.OPERATOR, "auth.add_user")
