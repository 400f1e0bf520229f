"""Schedules: listed, made, read, changed, removed."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, LOCATION, answered, asked, operation
from orchestrator_site.api.pagination import Order
from orchestrator_site.api.resource import uuid_of
from projects.api import examples
from projects.api.resource import ListResource, Resource
from projects.api.serializers.projects import ReasonSerializer
from projects.api.serializers.schedules import (
    ScheduleChangeSerializer,
    ScheduleGivenSerializer,
    ScheduleSerializer,
)
from projects.errors import ScheduleNotFound
from projects.models import Schedule
from projects.services import schedules

BY_NAME = Order("name", ("name", "id"))


class ScheduleList(ListResource):
    """`schedules`."""

    tag = "schedules"
    rights = {"POST": "project.start"}
    problems = {"POST": (404, 409)}
    serializer_class = ScheduleGivenSerializer

    @operation(
        "schedules_list",
        "List schedules",
        "Those that you may see, by name, in cursor pages.",
        responses={200: ScheduleSerializer(many=True)},
        examples=[answered(examples.SCHEDULE)],
    )
    def get(self, request: Request) -> Response:
        """A page of schedules."""
        self.query()
        return self.paged(schedules.visible_to(self.actor), ScheduleSerializer, order=BY_NAME)

    @operation(
        "schedules_create",
        "Make a schedule",
        "Starts a project of the blueprint at each slot of the crontab, in your name, from the next slot on: one "
        "project a slot, whatever happens.",
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request=ScheduleGivenSerializer,
        responses={201: ScheduleSerializer},
        examples=[asked(examples.SCHEDULE_GIVEN), answered(examples.SCHEDULE, 201)],
    )
    def post(self, request: Request) -> Response:
        """Make one."""

        def made() -> Response:
            wish = checked(ScheduleGivenSerializer, request.data)
            schedule = schedules.create(actor=self.actor, **wish)
            place = request.build_absolute_uri(reverse("schedule", args=[schedule.pk]))
            return Response(ScheduleSerializer(schedule).data, status=201, headers={"Location": place})

        return idempotency.once(request, made)


class ScheduleDetail(Resource):
    """`schedules/{schedule_id}`."""

    tag = "schedules"
    rights = {"PATCH": "project.start", "DELETE": "project.start"}
    problems = {"PATCH": (409,)}
    serializer_class = ScheduleChangeSerializer

    @operation(
        "schedules_read",
        "Read a schedule",
        "What it starts and when, its next slot, and why the last one started nothing where it did not.",
        responses={200: ScheduleSerializer},
        examples=[answered(examples.SCHEDULE)],
    )
    def get(self, request: Request, schedule_id: str) -> Response:
        """One schedule."""
        self.query()
        return Response(ScheduleSerializer(self._schedule(schedule_id)).data)

    @operation(
        "schedules_change",
        "Change a schedule",
        "What is not given stays as it is. Another crontab, and being enabled again, counts from now.",
        request=ScheduleChangeSerializer,
        responses={200: ScheduleSerializer},
        examples=[
            asked({"enabled": False, "reason": "Holidays."}),
            answered(examples.SCHEDULE | {"enabled": False}),
        ],
    )
    def patch(self, request: Request, schedule_id: str) -> Response:
        """Change it."""
        schedule = self._schedule(schedule_id)
        wish = checked(ScheduleChangeSerializer, request.data)
        changed = schedules.change(schedule=schedule, actor=self.actor, **wish)
        return Response(ScheduleSerializer(changed).data)

    @operation(
        "schedules_remove",
        "Remove a schedule",
        "The projects that it started stay.",
        parameters=[ReasonSerializer, IDEMPOTENCY_KEY],
        responses={204: None},
    )
    def delete(self, request: Request, schedule_id: str) -> Response:
        """Remove it."""
        wish = self.query(ReasonSerializer)

        def removed() -> Response:
            schedules.remove(schedule=self._schedule(schedule_id), actor=self.actor, **wish)
            return Response(status=204)

        return idempotency.once(request, removed)

    def _schedule(self, schedule_id: str) -> Schedule:
        return schedules.find(name_or_id=uuid_of(schedule_id, ScheduleNotFound), actor=self.actor)
