"""The addresses by which a load balancer or an orchestrator of containers looks after this process."""

from __future__ import annotations

from django.urls import path

from orchestrator_site.observability import views

urlpatterns = [
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
]
