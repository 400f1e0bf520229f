"""Events, and the seals that chain them.

The tables are made by SQL of their own (``sql/schema.sql``), because most of what makes them append-only is
no matter of a model: triggers, an identity that refuses given numbers, defaults of the database. So the
models are not ``managed``; this also keeps ``flush`` away from them: history stays append-only in tests too.
"""

from __future__ import annotations

from django.db import models

from orchestrator_site.history.fields import ClockTimestamp, CurrentTransaction, TransactionIdField
from orchestrator_site.history.querysets import EventQuerySet


class Event(models.Model):
    """One append-only fact in a stream. Number, time and transaction are the database's to give."""

    id = models.BigAutoField(primary_key=True)
    stream = models.UUIDField(help_text="Whose history: the id of a project or a saga.")
    kind = models.TextField(help_text="What happened, dotted: step.completed.")
    at = models.DateTimeField(db_default=ClockTimestamp(), help_text="When, by the database's clock.")
    actor = models.TextField(help_text="Who: user:alice, worker:host:1, system.")
    subject = models.TextField(db_default="", blank=True, help_text="The key of a step, the id of an approval.")
    data = models.JSONField(db_default=models.Value({}, models.JSONField()))
    transaction = TransactionIdField(db_default=CurrentTransaction(), editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "history_event"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".rstrip()


class Seal(models.Model):
    """An event's link in the chain of its stream; made by the sealer alone, append-only like the event.

    ``hash`` covers the place in the chain, the event and the link before it: see ``chain.link_hash``.
    """

    # No foreign key in the database: events never go, and checking one would lock and so rewrite each event.
    event = models.OneToOneField(
        Event, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="seal"
    )
    stream = models.UUIDField()
    seq = models.BigIntegerField(help_text="1, 2, 3 … in each stream, without a gap.")
    data_digest = models.BinaryField(help_text="SHA-256 over the canonical data of the event.")
    previous = models.BinaryField(help_text="The hash of the link before; 32 zero bytes at the first.")
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "history_seal"
        ordering = ("stream", "seq")

    def __str__(self) -> str:
        return f"{self.stream} #{self.seq}"


class Head(models.Model):
    """How long the chain of a stream is, apart from the seals: who cuts off its end must lie twice.

    A trigger lets it only grow.
    """

    stream = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "history_head"

    def __str__(self) -> str:
        return f"{self.stream} up to #{self.seq}"


class Position(models.Model):
    """The one row that says how far the sealer has come, so that its work does not grow with history.

    Every event up to (``transaction``, ``event``), in this order, is sealed. ``cluster`` is the server on
    which transactions were counted: a dump restored elsewhere counts anew. ``sealed`` counts all seals.
    """

    singleton = models.BooleanField(primary_key=True)
    cluster = models.BigIntegerField()
    transaction = TransactionIdField()
    event = models.BigIntegerField()
    sealed = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "history_position"

    def __str__(self) -> str:
        return f"sealed up to transaction {self.transaction}, event {self.event}"
