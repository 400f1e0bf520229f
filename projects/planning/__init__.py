"""Deciding, and nothing else: pure functions from what is known to what should be done. No Django, no Celery."""
