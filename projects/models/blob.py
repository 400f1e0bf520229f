"""Large values kept aside: compressed, under the digest of what they hold."""

from __future__ import annotations

from django.db import models


class Blob(models.Model):
    """A JSON value over the size that rows hold. The same value is kept once."""

    sha256 = models.CharField(max_length=64, primary_key=True, help_text="Of the JSON text, before compression.")
    size = models.PositiveBigIntegerField(help_text="Bytes of the JSON text.")
    encoding = models.CharField(max_length=8, help_text="How the content is compressed.")
    content = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256[:12]
