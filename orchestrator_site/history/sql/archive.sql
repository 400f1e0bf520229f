-- Archives: histories that were written to a file and verified there, and whose events then left the database.
-- The one door for that is history_put_away(); every other DELETE stays refused, to the owner of the tables as well.

CREATE TABLE history_archive (
    stream      uuid NOT NULL,
    first_seq   bigint NOT NULL CONSTRAINT history_archive_from_one CHECK (first_seq > 0),
    last_seq    bigint NOT NULL,
    -- The hashes before its first link and of its last.
    previous    bytea NOT NULL CONSTRAINT history_archive_previous_is_sha256 CHECK (octet_length(previous) = 32),
    hash        bytea NOT NULL CONSTRAINT history_archive_hash_is_sha256 CHECK (octet_length(hash) = 32),
    file        text NOT NULL CONSTRAINT history_archive_file_is_named CHECK (file <> ''),
    file_sha256 bytea NOT NULL CONSTRAINT history_archive_file_is_sha256 CHECK (octet_length(file_sha256) = 32),
    file_size   bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL CONSTRAINT history_archive_actor_is_named CHECK (actor <> ''),
    PRIMARY KEY (stream, last_seq),
    CONSTRAINT history_archive_is_a_stretch CHECK (last_seq >= first_seq)
);
CREATE TRIGGER history_archive_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history_archive
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();

-- An archive says what is so: it goes on where the one before ended, it ends where the chain does, and every link of
-- it is there with its event.
CREATE FUNCTION history_check_archive() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
    links  bigint;
    events bigint;
BEGIN
    SELECT last_seq, hash INTO before FROM history_archive WHERE stream = NEW.stream ORDER BY last_seq DESC LIMIT 1;
    SELECT count(*), count(e.id) INTO links, events
      FROM history_seal s LEFT JOIN history_event e ON e.id = s.event_id AND e.stream = s.stream
     WHERE s.stream = NEW.stream AND s.seq BETWEEN NEW.first_seq AND NEW.last_seq;
    IF NEW.first_seq <> coalesce(before.last_seq, 0) + 1
       OR NEW.previous <> coalesce(before.hash, decode(repeat('00', 32), 'hex'))
       OR links <> NEW.last_seq - NEW.first_seq + 1
       OR events <> links
       OR NOT EXISTS (SELECT FROM history_head h
                       WHERE h.stream = NEW.stream AND h.seq = NEW.last_seq AND h.hash = NEW.hash)
       OR EXISTS (SELECT FROM history_event e WHERE e.stream = NEW.stream
                     AND NOT EXISTS (SELECT FROM history_seal s WHERE s.event_id = e.id))
    THEN
        RAISE EXCEPTION 'the archive of % is not what the history is', NEW.stream
            USING ERRCODE = 'restrict_violation', HINT = 'Something was appended meanwhile: archive it anew.';
    END IF;
    NEW.at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER history_archive_is_true BEFORE INSERT ON history_archive
    FOR EACH ROW EXECUTE FUNCTION history_check_archive();

-- Outside of the door a DELETE is refused before it looks at a row; inside, each row must be of the archive.
CREATE FUNCTION history_refuse_unarchived() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
BEGIN
    IF TG_TABLE_NAME = 'history_seal' THEN
        SELECT OLD.seq INTO place WHERE NOT EXISTS (SELECT FROM history_event e WHERE e.id = OLD.event_id);
    ELSE
        SELECT s.seq INTO place FROM history_seal s WHERE s.event_id = OLD.id AND s.stream = OLD.stream;
    END IF;
    IF place IS NULL
       OR OLD.stream::text IS DISTINCT FROM current_setting('phasegate.putting_away', true)
       OR NOT EXISTS (SELECT FROM history_archive a
                       WHERE a.stream = OLD.stream AND place BETWEEN a.first_seq AND a.last_seq)
    THEN
        RAISE EXCEPTION 'history is append-only: what is not archived is not removed from %', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', HINT = 'See archive_history.';
    END IF;
    RETURN OLD;
END
$$;
DROP TRIGGER history_event_is_append_only ON history_event;
DROP TRIGGER history_seal_is_append_only ON history_seal;
CREATE TRIGGER history_event_is_append_only BEFORE UPDATE OR TRUNCATE ON history_event
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_seal_is_append_only BEFORE UPDATE OR TRUNCATE ON history_seal
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_event_stays BEFORE DELETE ON history_event
    FOR EACH STATEMENT WHEN (coalesce(current_setting('phasegate.putting_away', true), '') = '')
    EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_seal_stays BEFORE DELETE ON history_seal
    FOR EACH STATEMENT WHEN (coalesce(current_setting('phasegate.putting_away', true), '') = '')
    EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_event_stays_unless_archived BEFORE DELETE ON history_event
    FOR EACH ROW EXECUTE FUNCTION history_refuse_unarchived();
CREATE TRIGGER history_seal_stays_unless_archived BEFORE DELETE ON history_seal
    FOR EACH ROW EXECUTE FUNCTION history_refuse_unarchived();

-- The door: note the archive, and remove what it holds, or neither. It runs with the rights of the tables' owner, so
-- that a role needs no right to delete; whoever is to archive is granted EXECUTE, and nobody is by default.
CREATE FUNCTION history_put_away(
    of_stream uuid, from_seq bigint, to_seq bigint, hash_before bytea, hash_of_last bytea,
    to_file text, sha256_of_file bytea, size_of_file bigint, by_actor text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    removed bigint;
BEGIN
    INSERT INTO history_archive (stream, first_seq, last_seq, previous, hash, file, file_sha256, file_size, actor)
    VALUES (of_stream, from_seq, to_seq, hash_before, hash_of_last, to_file, sha256_of_file, size_of_file, by_actor);
    PERFORM set_config('phasegate.putting_away', of_stream::text, true);
    DELETE FROM history_event e USING history_seal s
     WHERE s.event_id = e.id AND s.stream = of_stream AND s.seq BETWEEN from_seq AND to_seq;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM history_seal WHERE stream = of_stream AND seq BETWEEN from_seq AND to_seq;
    PERFORM set_config('phasegate.putting_away', '', true);
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION history_put_away(uuid, bigint, bigint, bytea, bytea, text, bytea, bigint, text) FROM PUBLIC;

-- No table of somebody's own may stand in the way of ours: the schema of temporary tables is looked through last.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION history_check_archive() SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
    EXECUTE format('ALTER FUNCTION history_refuse_unarchived() SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
    EXECUTE format('ALTER FUNCTION history_put_away(uuid, bigint, bigint, bytea, bytea, text, bytea, bigint, text) '
                   'SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$$;
