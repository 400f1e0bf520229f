"""The blueprint language: schema, loader, expressions. Pure: no Django, no Celery."""
