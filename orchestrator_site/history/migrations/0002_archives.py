"""Archives of histories that have left the database, and the one door by which they do."""

from pathlib import Path

from django.db import migrations

_ARCHIVE = (Path(__file__).parent.parent / "sql" / "archive.sql").read_text(encoding="utf-8")
_BACK = """
DROP FUNCTION history_put_away(uuid, bigint, bigint, bytea, bytea, text, bytea, bigint, text);
DROP TRIGGER history_event_stays_unless_archived ON history_event;
DROP TRIGGER history_seal_stays_unless_archived ON history_seal;
DROP TRIGGER history_event_stays ON history_event;
DROP TRIGGER history_seal_stays ON history_seal;
DROP TRIGGER history_event_is_append_only ON history_event;
DROP TRIGGER history_seal_is_append_only ON history_seal;
CREATE TRIGGER history_event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history_event
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history_seal
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
DROP FUNCTION history_refuse_unarchived();
DROP TABLE history_archive;
DROP FUNCTION history_check_archive();
"""


class Migration(migrations.Migration):
    dependencies = [("history", "0001_events_and_their_chain")]
    operations = [
        migrations.RunSQL(_ARCHIVE, _BACK),
    ]
