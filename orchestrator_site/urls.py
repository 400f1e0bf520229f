"""The addresses of the site: each application brings its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from orchestrator_site.access import schema  # noqa: F401 tells the API's documentation how to log in

admin.site.site_header = admin.site.site_title = "Phasegate"
admin.site.index_title = "Projects of agents and people"

handler400 = "orchestrator_site.problems.bad_request"
handler403 = "orchestrator_site.problems.forbidden"
handler404 = "orchestrator_site.problems.not_found"
handler500 = "orchestrator_site.problems.server_error"

urlpatterns = [
    path("", include("orchestrator_site.observability.urls")),
    path("", include("orchestrator_site.dashboard.urls")),
    path("admin/", admin.site.urls),
    path("api/v2/orchestrator/", include("projects.api.urls")),
    path("api/v2/orchestrator/", include("agents.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("api/auth/", include("rest_framework.urls")),
]
