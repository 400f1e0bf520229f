-- Events, their seals, the heads of the chains and the sealer's position. PostgreSQL 14 or newer.

CREATE TABLE history_event (
    -- ALWAYS: a statement cannot put an event in at a number of its choice.
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream      uuid NOT NULL,
    kind        text NOT NULL CONSTRAINT history_event_kind_is_named CHECK (kind <> ''),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL CONSTRAINT history_event_actor_is_named CHECK (actor <> ''),
    subject     text NOT NULL DEFAULT '',
    data        jsonb NOT NULL DEFAULT '{}',
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);
-- A page of a stream's history; and the sealer, which reads on from its position.
CREATE INDEX history_event_of_stream ON history_event (stream, id);
CREATE INDEX history_event_in_order_of_writing ON history_event (transaction, id);

CREATE TABLE history_seal (
    event_id    bigint PRIMARY KEY,
    stream      uuid NOT NULL,
    seq         bigint NOT NULL CONSTRAINT history_seal_seq_from_one CHECK (seq > 0),
    data_digest bytea NOT NULL CONSTRAINT history_seal_digest_is_sha256 CHECK (octet_length(data_digest) = 32),
    previous    bytea NOT NULL CONSTRAINT history_seal_previous_is_sha256 CHECK (octet_length(previous) = 32),
    hash        bytea NOT NULL CONSTRAINT history_seal_hash_is_sha256 CHECK (octet_length(hash) = 32),
    CONSTRAINT history_seal_one_a_place UNIQUE (stream, seq)
);

CREATE TABLE history_head (
    stream uuid PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE history_position (
    singleton   boolean PRIMARY KEY DEFAULT true CONSTRAINT history_position_one_row CHECK (singleton),
    cluster     bigint NOT NULL,
    transaction xid8 NOT NULL,
    event       bigint NOT NULL,
    sealed      bigint NOT NULL
);
INSERT INTO history_position (cluster, transaction, event, sealed) VALUES (0, '0', 0, 0);

CREATE FUNCTION history_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Append a new event that says what is different.';
END
$$;

CREATE TRIGGER history_event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history_event
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history_seal
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_head_stays BEFORE DELETE OR TRUNCATE ON history_head
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_head_only_grows BEFORE UPDATE ON history_head
    FOR EACH ROW WHEN (NEW.seq <= OLD.seq OR NEW.stream <> OLD.stream) EXECUTE FUNCTION history_refuse();
CREATE TRIGGER history_position_stays BEFORE DELETE OR TRUNCATE ON history_position
    FOR EACH STATEMENT EXECUTE FUNCTION history_refuse();

-- Time and transaction are the database's to say: an event cannot be written into the past. The condition is checked
-- without calling a function of ours; a minute is left for a clock that is set back while a transaction is open.
CREATE FUNCTION history_refuse_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the time and the transaction of an event are given by the database'
        USING ERRCODE = 'restrict_violation', HINT = 'Leave "at" and "transaction" out.';
END
$$;
CREATE TRIGGER history_event_is_of_now BEFORE INSERT ON history_event
    FOR EACH ROW
    WHEN (NEW.transaction <> pg_current_xact_id()
          OR NEW.at < transaction_timestamp() - interval '1 minute'
          OR NEW.at > clock_timestamp() + interval '1 minute')
    EXECUTE FUNCTION history_refuse_given();
