"""Events, seals, heads and the sealer's position, with the triggers that make them append-only."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import orchestrator_site.history.fields

_SCHEMA = (Path(__file__).parent.parent / "sql" / "schema.sql").read_text(encoding="utf-8")
_BACK = """
DROP TABLE history_position, history_head, history_seal, history_event;
DROP FUNCTION history_refuse_given();
DROP FUNCTION history_refuse();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(_SCHEMA, _BACK),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("stream", models.UUIDField(help_text="Whose history: the id of a project or a saga.")),
                ("kind", models.TextField(help_text="What happened, dotted: step.completed.")),
                (
                    "at",
                    models.DateTimeField(
                        db_default=orchestrator_site.history.fields.ClockTimestamp(),
                        help_text="When, by the database's clock.",
                    ),
                ),
                ("actor", models.TextField(help_text="Who: user:alice, worker:host:1, system.")),
                (
                    "subject",
                    models.TextField(
                        blank=True, db_default="", help_text="The key of a step, the id of an approval."
                    ),
                ),
                ("data", models.JSONField(db_default=models.Value({}, models.JSONField()))),
                (
                    "transaction",
                    orchestrator_site.history.fields.TransactionIdField(
                        db_default=orchestrator_site.history.fields.CurrentTransaction(), editable=False
                    ),
                ),
            ],
            options={"db_table": "history_event", "ordering": ("id",), "managed": False},
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="seal",
                        serialize=False,
                        to="history.event",
                    ),
                ),
                ("stream", models.UUIDField()),
                ("seq", models.BigIntegerField(help_text="1, 2, 3 … in each stream, without a gap.")),
                (
                    "data_digest",
                    models.BinaryField(help_text="SHA-256 over the canonical data of the event."),
                ),
                (
                    "previous",
                    models.BinaryField(help_text="The hash of the link before; 32 zero bytes at the first."),
                ),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "history_seal", "ordering": ("stream", "seq"), "managed": False},
        ),
        migrations.CreateModel(
            name="Head",
            fields=[
                ("stream", models.UUIDField(primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "history_head", "managed": False},
        ),
        migrations.CreateModel(
            name="Position",
            fields=[
                ("singleton", models.BooleanField(primary_key=True, serialize=False)),
                ("cluster", models.BigIntegerField()),
                ("transaction", orchestrator_site.history.fields.TransactionIdField()),
                ("event", models.BigIntegerField()),
                ("sealed", models.BigIntegerField()),
            ],
            options={"db_table": "history_position", "managed": False},
        ),
    ]
