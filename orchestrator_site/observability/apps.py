from django.apps import AppConfig
class ObservabilityConfig(AppConfig):
    name = "orchestrator_site.observability"
    label = "observability"
