"""The database refuses a change of state that no table of states has: a row goes no way that is not drawn."""

from django.db import migrations

_MOVES = {
    "project": """
        pending>running pending>cancelled
        running>completed running>failed running>cancelled
        completed>running failed>running
    """,
    "phase": """
        pending>running pending>completed pending>cancelled
        running>waiting running>completed running>failed running>cancelled running>pending
        waiting>running waiting>completed waiting>failed waiting>cancelled waiting>pending
        completed>running completed>pending
        failed>running failed>pending failed>completed
        cancelled>running cancelled>pending cancelled>completed
    """,
    "step": """
        pending>ready pending>running pending>waiting pending>completed pending>failed pending>skipped
        pending>cancelled
        ready>running ready>failed ready>skipped ready>cancelled
        running>ready running>completed running>failed running>cancelled
        waiting>completed waiting>failed waiting>skipped waiting>cancelled
        failed>pending failed>skipped
        skipped>pending
        cancelled>pending
    """,
    "approval": "open>approved open>rejected open>cancelled open>void approved>void",
    "intervention": "proposed>applied proposed>refused",
}

_REFUSE = """
CREATE FUNCTION projects_refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% %: from % to % is no move of the table of states', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;
"""


def _refuse(model: str, moves: str) -> str:
    """A trigger whose condition alone is evaluated for a move that is allowed: no function is called."""
    allowed = ", ".join(f"'{move}'" for move in moves.split())
    return f"""
CREATE TRIGGER {model}_moves_by_its_table BEFORE UPDATE OF state ON projects_{model} FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({allowed}))
    EXECUTE FUNCTION projects_refuse_move();
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0007_searches_as_steps")]
    operations = [
        migrations.RunSQL(
            _REFUSE + "".join(_refuse(model, moves) for model, moves in _MOVES.items()),
            "".join(f"DROP TRIGGER {model}_moves_by_its_table ON projects_{model};\n" for model in _MOVES)
            + "DROP FUNCTION projects_refuse_move();",
        ),
    ]
