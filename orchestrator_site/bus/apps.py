"""The application of the message bus."""

from __future__ import annotations

from django.apps import AppConfig


class BusConfig(AppConfig):
    """Events and agents' messages over a message broker."""

    name = "orchestrator_site.bus"
    label = "bus"
    verbose_name = "Message bus"
