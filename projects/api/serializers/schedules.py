"""Schedules: how one is told, and the bodies that make and change one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import NamedChoiceField, ObjectField, StrictSerializer
from projects.api.serializers.projects import BLUEPRINT_NAME, PRIORITIES
from projects.models import Schedule
from projects.models.schedule import CatchUp
from projects.services import crontabs

CATCH_UP = {each.value: f"{each.label}." for each in CatchUp}


class ScheduleSerializer(serializers.Serializer[Any]):
    """A schedule."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    blueprint = serializers.CharField()
    crontab = serializers.SerializerMethodField(help_text="Minute, hour, day of the month, month, day of the week.")
    timezone = serializers.CharField(source="crontab.timezone")
    inputs = ObjectField()
    intent = serializers.CharField()
    priority = NamedChoiceField("Priority", PRIORITIES)
    catch_up = NamedChoiceField("CatchUp", CATCH_UP)
    enabled = serializers.BooleanField()
    owner = serializers.CharField(
        source="owner.username", default=None, allow_null=True, help_text="In whose name its projects are started."
    )
    next_at = serializers.DateTimeField(help_text="The next slot.")
    failure = serializers.CharField(help_text="Why the last slot started nothing; empty where it did.")
    created_at = serializers.DateTimeField()

    def get_crontab(self, schedule: Schedule) -> str:
        """Its five fields."""
        return crontabs.written(schedule.crontab)


class _SaidOfAny(StrictSerializer):
    """What may be said of a schedule, new or not."""

    timezone = serializers.CharField(required=False, max_length=63, help_text="Such as Europe/Berlin; defaults to UTC.")
    inputs = ObjectField(required=False)
    intent = serializers.CharField(required=False, allow_blank=True, max_length=20_000)
    priority = NamedChoiceField("Priority", PRIORITIES, required=False, help_text="Defaults to normal.")
    catch_up = NamedChoiceField(
        "CatchUp", CATCH_UP, required=False, help_text="What happens to slots that passed; defaults to latest."
    )
    enabled = serializers.BooleanField(required=False)


class ScheduleGivenSerializer(_SaidOfAny):
    """A new schedule."""

    name = serializers.CharField(max_length=100)
    blueprint = serializers.RegexField(
        BLUEPRINT_NAME, max_length=120, help_text="`name`, for the latest version, or `name@2`."
    )
    crontab = serializers.CharField(max_length=300, help_text="Such as `*/5 * * * *`.")


class ScheduleChangeSerializer(_SaidOfAny):
    """What is to be changed of a schedule."""

    name = serializers.CharField(required=False, max_length=100)
    blueprint = serializers.RegexField(
        BLUEPRINT_NAME, required=False, max_length=120, help_text="`name`, for the latest version, or `name@2`."
    )
    crontab = serializers.CharField(required=False, max_length=300, help_text="Such as `*/5 * * * *`.")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="For the history.")
