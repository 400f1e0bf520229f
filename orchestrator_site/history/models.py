from django.db import models
from django.db.models.functions import Now
class Event(models.Model):
    id = models.BigAutoField(primary_key=True)
    stream = models.UUIDField()
    kind = models.CharField(max_length=80)
    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=200)
    subject = models.CharField(max_length=200, db_default="")
    data = models.JSONField(db_default=models.Value({}, models.JSONField()))
    class Meta:
        indexes = (models.Index(fields=("stream", "id"), name="event_by_stream"),)
