from django.apps import AppConfig
class AccessConfig(AppConfig):
    name = "orchestrator_site.access"
    label = "access"
