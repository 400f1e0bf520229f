"""A project that follows others begins by itself only where somebody asked for its start."""

from django.db import migrations, models

_ASKED_BEFORE = """
UPDATE projects_project p SET start_asked_at = created_at
 WHERE state = 'pending' AND EXISTS (SELECT 1 FROM projects_project_after a WHERE a.from_project_id = p.id);
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0008_moves_of_states")]
    operations = [
        migrations.AddField(
            model_name="project",
            name="start_asked_at",
            field=models.DateTimeField(
                blank=True, help_text="When somebody wanted it to begin after others that were not over.", null=True
            ),
        ),
        # Until now each did, and whoever made one counts on it.
        migrations.RunSQL(_ASKED_BEFORE, migrations.RunSQL.noop),
    ]
