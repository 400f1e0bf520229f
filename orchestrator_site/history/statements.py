"""The SQL of the sealer and the verifier, each with its name."""

from __future__ import annotations

# Transactions that may go by before an idle sealer writes down how far it has looked.
IDLE_TRANSACTIONS = 10_000

# An event as the chain reads it: its time as text, so that no driver rounds or shifts it.
_EVENT = """e.id, e.stream::text,
       to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       e.kind, e.actor, e.subject, e.data::text"""
EVENT_COLUMNS = 7

# The number of the server (it tells a dump restored elsewhere), the position, and two bounds of transactions:
# below the first (xmin) all have ended; from the second (xmax) on none has begun.
STANDING = """
SELECT (SELECT system_identifier FROM pg_control_system()), cluster, transaction::text::bigint, event,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
  FROM history_position
"""

# NOT EXISTS is for rows of a restored dump, whose old numbers the new count comes to once more.
UNSEALED_BEHIND = f"""
SELECT {_EVENT}, e.transaction::text
  FROM history_event e
 WHERE (e.transaction, e.id) > (%s::text::xid8, %s) AND e.transaction < %s::text::xid8
   AND NOT EXISTS (SELECT FROM history_seal s WHERE s.event_id = e.id)
 ORDER BY e.transaction, e.id
 LIMIT %s
"""  # noqa: S608 - put together from our own constants

# After a dump was restored: numbers from xmax on are of the old count, and their transactions long ended.
UNSEALED_ANYWHERE = f"""
SELECT {_EVENT}, e.transaction::text
  FROM history_event e
 WHERE e.id > %s AND (e.transaction < %s::text::xid8 OR e.transaction >= %s::text::xid8)
   AND NOT EXISTS (SELECT FROM history_seal s WHERE s.event_id = e.id)
 ORDER BY e.id
 LIMIT %s
"""  # noqa: S608 - put together from our own constants

# For each stream its last seal (where it was archived, that of the archive) and its head: one index lookup each,
# whatever the length of the chain.
HEADS = """
SELECT wanted.stream::text, coalesce(last.seq, gone.last_seq), encode(coalesce(last.hash, gone.hash), 'hex'),
       head.seq, encode(head.hash, 'hex')
  FROM unnest(%s::uuid[]) AS wanted (stream)
  LEFT JOIN LATERAL (SELECT seq, hash FROM history_seal s WHERE s.stream = wanted.stream
                      ORDER BY seq DESC LIMIT 1) last ON true
  LEFT JOIN LATERAL (SELECT last_seq, hash FROM history_archive a WHERE a.stream = wanted.stream
                      ORDER BY last_seq DESC LIMIT 1) gone ON true
  LEFT JOIN history_head head ON head.stream = wanted.stream
"""

COPY_SEALS = "COPY history_seal (event_id, stream, seq, data_digest, previous, hash) FROM STDIN"

RAISE_HEADS = """
INSERT INTO history_head (stream, seq, hash)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[])
    ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
"""

MOVE_ON = """
UPDATE history_position
   SET cluster = %s, transaction = %s::text::xid8, event = %s, sealed = sealed + %s
"""

LAG = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(e.at)), 0)
  FROM history_event e, history_position p
 WHERE (e.transaction, e.id) > (p.transaction, p.event)
   AND NOT EXISTS (SELECT FROM history_seal s WHERE s.event_id = e.id)
"""

# The chain of a stream in its order, with what is left of its events.
CHAIN = f"""
SELECT s.event_id, s.stream::text, s.seq, encode(s.data_digest, 'hex'), encode(s.previous, 'hex'),
       encode(s.hash, 'hex'), {_EVENT}
  FROM history_seal s LEFT JOIN history_event e ON e.id = s.event_id
 WHERE s.stream = %s
 ORDER BY s.seq
"""  # noqa: S608 - put together from our own constants

# The rest of a stream's events, and for each whether the sealer has gone past it.
UNSEALED = f"""
SELECT {_EVENT}, (e.transaction, e.id) <= (p.transaction, p.event) AND p.cluster > 0
  FROM history_event e, history_position p
 WHERE e.stream = %s AND NOT EXISTS (SELECT FROM history_seal s WHERE s.event_id = e.id)
 ORDER BY e.id
"""  # noqa: S608 - put together from our own constants

HEAD = "SELECT seq, encode(hash, 'hex') FROM history_head WHERE stream = %s"

# Every stream of which anything is left, by walking along indexes from one to the next.
STREAMS = """
WITH RECURSIVE of_events AS (
    (SELECT stream FROM history_event ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT e.stream FROM history_event e WHERE e.stream > f.stream ORDER BY e.stream LIMIT 1)
      FROM of_events f WHERE f.stream IS NOT NULL
), of_seals AS (
    (SELECT stream FROM history_seal ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT s.stream FROM history_seal s WHERE s.stream > f.stream ORDER BY s.stream LIMIT 1)
      FROM of_seals f WHERE f.stream IS NOT NULL
)
SELECT stream FROM of_events WHERE stream IS NOT NULL
 UNION SELECT stream FROM of_seals WHERE stream IS NOT NULL
 UNION SELECT stream FROM history_head
 ORDER BY stream
"""

# Seals that are there, those that left with an archive, and how many were ever made.
COUNTED = """
SELECT (SELECT count(*) FROM history_seal s
         WHERE NOT EXISTS (SELECT FROM history_archive a
                            WHERE a.stream = s.stream AND s.seq BETWEEN a.first_seq AND a.last_seq)),
       (SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint FROM history_archive),
       sealed
  FROM history_position
"""

ARCHIVES = """
SELECT stream::text, first_seq, last_seq, encode(previous, 'hex'), encode(hash, 'hex'), file,
       encode(file_sha256, 'hex'), file_size, at, actor
  FROM history_archive
 WHERE stream = %s
 ORDER BY last_seq
"""

PUT_AWAY = "SELECT history_put_away(%s, %s, %s, %s, %s, %s, %s, %s, %s)"

# Of some streams those that have events in the database.
WITH_EVENTS = """
SELECT wanted.stream FROM unnest(%s::uuid[]) AS wanted (stream)
 WHERE EXISTS (SELECT FROM history_event e WHERE e.stream = wanted.stream)
"""

EXPORT_HEADER = """
SELECT (SELECT count(*) FROM history_event WHERE stream = %s),
       (SELECT seq FROM history_head WHERE stream = %s),
       (SELECT encode(hash, 'hex') FROM history_head WHERE stream = %s)
"""
