"""Documents given to projects. Their content is kept once, however many projects read it."""

from __future__ import annotations

from django.db import models

from orchestrator_site import clock
from projects.models.project import Project


class DocumentContent(models.Model):
    """The bytes of a document, under their digest."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.PositiveBigIntegerField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.sha256[:12]


class Document(models.Model):
    """A document as given to one project."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="documents")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255, help_text="The file name, without any folder.")
    media_type = models.CharField(max_length=100)
    content = models.ForeignKey(DocumentContent, on_delete=models.PROTECT, related_name="documents")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("project", "position")
        constraints = (models.UniqueConstraint(fields=("project", "position"), name="document_position_is_unique"),)

    def __str__(self) -> str:
        return self.name
