"""Roles and what each may do: one table, from which groups, checks and documentation derive. Pure.

A *capability* is the right to one kind of act, named by noun and verb. A *role* is a set of them. Users get
roles by being in the Django groups of the same names; an API key has exactly one role.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase


class _Explained(StrEnum):
    """Words with the sentence that explains each."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> _Explained:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Capability(_Explained):
    """The right to one kind of act."""

    PROJECT_READ = "project.read", "See every project, its steps, results, documents and reports."
    PROJECT_START = "project.start", "Create and start projects, and run them again."
    PROJECT_CONTROL = "project.control", "Pause, resume and cancel projects."
    PROJECT_INTERVENE = (
        "project.intervene",
        "Change a live project: retry, skip, modify, add, remove, reorder.",
    )
    PROJECT_AUTO_APPROVE = "project.auto_approve", "Start projects whose approvals are given beforehand."
    APPROVAL_DECIDE = "approval.decide", "Decide the approvals that are put to one's groups."
    HISTORY_READ = "history.read", "Read, export and verify histories."
    BLUEPRINT_READ = "blueprint.read", "See blueprints."
    BLUEPRINT_REGISTER = "blueprint.register", "Register blueprints and new versions of them."
    AGENT_READ = "agent.read", "See agents and their health."
    AGENT_REGISTER = "agent.register", "Register agents, and keep, change and deregister those one has registered."
    AGENT_MANAGE = "agent.manage", "Change, drain and deregister the agents of others too, and force their circuits."
    AGENT_CALL = "agent.call", "Have agents do work outside of any project: ask many at once for the same."
    WEBHOOK_MANAGE = "webhook.manage", "Subscribe to events by webhook, and see deliveries."
    ACCESS_MANAGE = "access.manage", "Make, rotate and revoke API keys; give roles."


class Role(_Explained):
    """A set of capabilities with a name that people use."""

    ADMIN = "admin", "Runs the installation: may do everything, and gives others their roles."
    OPERATOR = "operator", "Starts projects and steers them; decides no approvals."
    APPROVER = "approver", "Decides approvals; sees those only, with their evidence."
    AGENT = "agent", "A program that does steps: takes them, reports on them, and sees nothing else."
    VIEWER = "viewer", "Looks at everything and changes nothing: an auditor, a dashboard."

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it may do."""
        return TABLE[self]


_READ = frozenset(
    {
        Capability.PROJECT_READ,
        Capability.HISTORY_READ,
        Capability.BLUEPRINT_READ,
        Capability.AGENT_READ,
    }
)

TABLE: Mapping[Role, frozenset[Capability]] = {
    Role.ADMIN: frozenset(Capability),
    Role.OPERATOR: _READ
    | {
        Capability.PROJECT_START,
        Capability.PROJECT_CONTROL,
        Capability.PROJECT_INTERVENE,
        Capability.AGENT_REGISTER,
        Capability.AGENT_MANAGE,
        Capability.AGENT_CALL,
    },
    Role.APPROVER: frozenset({Capability.APPROVAL_DECIDE}),
    Role.AGENT: frozenset({Capability.AGENT_CALL, Capability.AGENT_REGISTER, Capability.AGENT_READ}),
    Role.VIEWER: _READ,
}

# Django's own permissions that go with a capability, as patterns of "app.codename": they open the admin's
# pages. The first that is no pattern also gives the capability to whoever was given it in Django's way,
# without a role.
DJANGO_PERMISSIONS: Mapping[Capability, tuple[str, ...]] = {
    Capability.PROJECT_READ: ("projects.view_project", "projects.view_*"),
    Capability.PROJECT_START: ("projects.start_project",),
    Capability.PROJECT_CONTROL: ("projects.control_project",),
    Capability.PROJECT_INTERVENE: ("projects.intervene",),
    Capability.APPROVAL_DECIDE: ("projects.decide_approval",),
    Capability.HISTORY_READ: ("history.view_event",),
    Capability.BLUEPRINT_READ: ("projects.view_blueprint*",),
    Capability.AGENT_READ: ("agents.view_agent", "agents.view_*"),
    Capability.AGENT_REGISTER: ("agents.add_agent",),
    Capability.AGENT_MANAGE: ("agents.change_agent",),
    Capability.ACCESS_MANAGE: ("access.*", "auth.*", "django_celery_beat.*"),
}


def role_named(name: str) -> Role | None:
    """The role of a name, such as a group's; None where it is none of ours."""
    return next((role for role in Role if role == name), None)


def capabilities_of(roles: Iterable[Role]) -> frozenset[Capability]:
    """What somebody with these roles may do."""
    return frozenset().union(*(role.capabilities for role in roles))


def goes_with(role: Role, permission: str) -> bool:
    """Whether one of Django's permissions (``app.codename``) goes with a role."""
    patterns = (pattern for each in role.capabilities for pattern in DJANGO_PERMISSIONS.get(each, ()))
    return any(fnmatchcase(permission, pattern) for pattern in patterns)


def granting() -> Mapping[Capability, str]:
    """For each capability that can be given in Django's way, the permission that gives it."""
    return {
        capability: patterns[0]
        for capability, patterns in DJANGO_PERMISSIONS.items()
        if not set("*?[") & set(patterns[0])
    }
