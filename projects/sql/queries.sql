-- Statements of the engine's hot path. Tables and columns are those of the models; times are the database's.
-- Every statement that moves a step matches the state it moves from, and, once claimed, the attempt number, which is
-- the fencing token of the lease: a worker that lost its lease changes nothing. Where a row is named by its id the
-- state is written as "(state = …) IS TRUE": by a plain "state = …" the planner may take a partial index of that state,
-- which it believes to be all but empty, and read everything in it that is not vacuumed yet, for each step again.
-- The same of a project that is named by its id: by its state the planner would read every one that runs.
--
-- What several statements share is a "part", put in where they include it.

-- part: looks
-- How often no agent could take a claimed step (c), since one last did.
       CASE WHEN c.error ->> 'code' = 'no_agent_now' THEN coalesce((c.error ->> 'looks')::int, 1) ELSE 0 END AS looks,

-- name: claim
-- Take one ready step, if its project runs. FOR KEY SHARE on the project closes the race with a pause: see
-- ProjectQuerySet.lock_for_control. No row: somebody else has it, it waits for its retry, or the project is held.
WITH allowed AS (
    SELECT p.id FROM projects_project p
     WHERE p.id = %(project)s AND (p.state = 'running') IS TRUE AND p.directive = 'run'
       FOR KEY SHARE OF p
), claimed AS (
    UPDATE projects_step s
       SET state = 'running',
           attempt = s.attempt + 1,
           lease_owner = %(worker)s,
           lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
           timeout_at = clock_timestamp() + make_interval(secs => s.timeout_seconds),
           started_at = coalesce(s.started_at, clock_timestamp())
      FROM allowed
     WHERE s.project_id = allowed.id AND s.id = %(step)s AND (s.state = 'ready') IS TRUE AND s.guarded = %(guarded)s
       AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
 RETURNING s.*
), attempted AS (
    INSERT INTO projects_attempt (step_id, number, worker, outcome, tokens_in, tokens_out, cost, started_at)
    SELECT id, attempt, %(worker)s, 'running', 0, 0, 0, clock_timestamp() FROM claimed
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    -- What no agent could take is looked at often: "take_up" says that it has begun, once somebody takes it.
    SELECT project_id, 'step.started', %(actor)s, key, jsonb_build_object('attempt', attempt, 'round', round)
      FROM claimed WHERE (error ->> 'code') IS DISTINCT FROM 'no_agent_now'
)
SELECT c.id, c.project_id, c.phase_id, c.key, c.round, c.position, c.parent_id, c.item, c.agent, c.attempt,
       c.failures, c.timeout_seconds, c.guarded,
-- include: looks
       coalesce(c.spec, (SELECT parent.spec FROM projects_step parent WHERE parent.id = c.parent_id)) AS spec
  FROM claimed c;

-- part: done
-- A result where the attempt is still ours, and the end of the attempt.
done AS (
    UPDATE projects_step
       SET state = 'completed', result = %(result)s::jsonb, result_blob_id = %(blob)s, degraded = %(degraded)s::jsonb,
           error = NULL, finished_at = clock_timestamp(),
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
     WHERE id = %(step)s AND (state = 'running') IS TRUE AND attempt = %(attempt)s
 RETURNING id, project_id, key, round,
           jsonb_build_object('attempt', attempt, 'round', round, 'result_sha256', %(digest)s::text)
           || CASE WHEN degraded IS NULL THEN '{}' ELSE jsonb_build_object('degraded', degraded) END AS told
), ended AS (
    UPDATE projects_attempt a
       SET outcome = 'completed', finished_at = clock_timestamp(),
           tokens_in = %(tokens_in)s, tokens_out = %(tokens_out)s, cost = %(cost)s
      FROM done WHERE a.step_id = %(step)s AND a.number = %(attempt)s
)

-- name: complete
-- Commit a result, and in the same commit claim the next step of the leg. "landed" is false where the lease was lost:
-- nothing was written.
WITH
-- include: done
, allowed AS (
    SELECT p.id FROM projects_project p, done
     WHERE p.id = %(project)s AND (p.state = 'running') IS TRUE AND p.directive = 'run'
       FOR KEY SHARE OF p
), claimed AS (
    UPDATE projects_step s
       SET state = 'running',
           attempt = s.attempt + 1,
           lease_owner = %(worker)s,
           lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
           timeout_at = clock_timestamp() + make_interval(secs => s.timeout_seconds),
           started_at = coalesce(s.started_at, clock_timestamp())
      FROM allowed
     WHERE s.id = %(next)s AND (s.state IN ('pending', 'ready')) IS TRUE AND NOT s.guarded
       AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
 RETURNING s.*
), attempted AS (
    INSERT INTO projects_attempt (step_id, number, worker, outcome, tokens_in, tokens_out, cost, started_at)
    SELECT id, attempt, %(worker)s, 'running', 0, 0, 0, clock_timestamp() FROM claimed
), noted AS (
    -- One insertion for both: the order of two in one statement is not defined.
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, kind, %(actor)s, key, data
      FROM (
        SELECT 1 AS place, project_id, 'step.completed' AS kind, key, told AS data FROM done
        UNION ALL
        SELECT 2, project_id, 'step.started', key, jsonb_build_object('attempt', attempt, 'round', round) FROM claimed
         WHERE (error ->> 'code') IS DISTINCT FROM 'no_agent_now'
      ) both_events
     ORDER BY place
)
SELECT done.id IS NOT NULL AS landed, c.id, c.project_id, c.phase_id, c.key, c.round, c.position, c.parent_id,
       c.item, c.agent, c.attempt, c.failures, c.timeout_seconds, c.guarded,
-- include: looks
       coalesce(c.spec, (SELECT parent.spec FROM projects_step parent WHERE parent.id = c.parent_id)) AS spec
  FROM (SELECT 1) one
  LEFT JOIN done ON true
  LEFT JOIN claimed c ON true;

-- name: complete_last
-- The same of a step that no other follows in its leg.
WITH
-- include: done
, noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.completed', %(actor)s, key, told FROM done
)
SELECT EXISTS (SELECT 1 FROM done) AS landed;

-- name: complete_and_hand_over
-- The same, and the first step of the leg that follows, on another pool, is ready.
WITH
-- include: done
, handed_over AS (
    UPDATE projects_step s
       SET state = 'ready', published_at = clock_timestamp()
      FROM done
     WHERE s.id = %(hand_over)s AND (s.state = 'pending') IS TRUE
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.completed', %(actor)s, key, told FROM done
)
SELECT EXISTS (SELECT 1 FROM done) AS landed;

-- name: lock_only
-- Projects, locked as advance locks one, whatever their state; in the order in which everybody locks several.
SELECT 1 FROM projects_project WHERE id = ANY(%(projects)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- part: given
-- What became of steps, one row each; "following" is the step that comes after it in its leg, if one does.
given AS (
    SELECT * FROM unnest(%(steps)s::uuid[], %(attempts)s::int[], %(results)s::text[], %(blobs)s::text[],
                         %(digests)s::text[], %(marks)s::text[], %(tokens_in)s::bigint[], %(tokens_out)s::bigint[],
                         %(costs)s::float8[], %(following)s::uuid[])
             AS g (id, attempt, result, blob, digest, degraded, tokens_in, tokens_out, cost, following)
), done AS (
    UPDATE projects_step s
       SET state = 'completed', result = given.result::jsonb, result_blob_id = given.blob, degraded = given.degraded::jsonb,
           error = NULL, finished_at = clock_timestamp(),
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
      FROM given
     WHERE s.id = given.id AND (s.state = 'running') IS TRUE AND s.attempt = given.attempt
 RETURNING s.id, s.project_id, s.phase_id, s.key, s.round, s.attempt, s.position, given.following, given.tokens_in,
           given.tokens_out, given.cost,
           jsonb_build_object('attempt', s.attempt, 'round', s.round, 'result_sha256', given.digest)
           || CASE WHEN s.degraded IS NULL THEN '{}' ELSE jsonb_build_object('degraded', s.degraded) END AS told
), ended AS (
    UPDATE projects_attempt a
       SET outcome = 'completed', finished_at = clock_timestamp(),
           tokens_in = done.tokens_in, tokens_out = done.tokens_out, cost = done.cost
      FROM done WHERE a.step_id = done.id AND a.number = done.attempt
)

-- name: finish
-- Commit results and, where nothing at all is left to be done or decided of a project, the end of its phase and of the
-- project with it; of each project one result. Only in a transaction that has locked the projects before ("lock_only"):
-- this statement then sees all that was changed under that lock, and nobody can add to it. What runs beside is seen as
-- running, or has ended. A project that is not among the "finished" has to be looked at by "advance".
WITH
-- include: given
, through AS (
    -- Everything is bound to the keys that were given, so that no plan can read what belongs to others.
    SELECT f.id, f.project_id
      FROM done
      JOIN projects_phase f ON f.id = done.phase_id AND f.id = ANY(%(phases)s::uuid[])
      JOIN projects_project p ON p.id = done.project_id AND p.id = ANY(%(projects)s::uuid[])
     WHERE (p.state = 'running') IS TRUE AND p.directive = 'run' AND p.parent_step_id IS NULL
       AND (f.state = 'running') IS TRUE AND f.round = done.round AND f.gate IS NULL
       AND NOT EXISTS (SELECT 1 FROM projects_step s
                        WHERE s.phase_id = f.id AND s.phase_id = ANY(%(phases)s::uuid[]) AND (s.round = f.round) IS TRUE
                          AND s.id <> done.id AND s.state NOT IN ('completed', 'skipped'))
       AND NOT EXISTS (SELECT 1 FROM projects_phase o
                        WHERE o.project_id = p.id AND o.project_id = ANY(%(projects)s::uuid[]) AND o.id <> f.id
                          AND o.state <> 'completed')
       AND NOT EXISTS (SELECT 1 FROM projects_intervention i
                        WHERE i.project_id = p.id AND i.project_id = ANY(%(projects)s::uuid[]) AND i.state = 'proposed')
       AND NOT EXISTS (SELECT 1 FROM projects_approval a
                        WHERE a.project_id = p.id AND a.project_id = ANY(%(projects)s::uuid[]) AND a.state = 'open')
       AND NOT EXISTS (SELECT 1 FROM projects_timer t
                        WHERE t.project_id = p.id AND t.project_id = ANY(%(projects)s::uuid[]))
       AND NOT EXISTS (SELECT 1 FROM projects_project_after b
                        WHERE b.to_project_id = p.id AND b.to_project_id = ANY(%(projects)s::uuid[]))
), passed AS (
    UPDATE projects_phase f SET state = 'completed', finished_at = clock_timestamp()
      FROM through WHERE f.id = through.id
 RETURNING f.project_id, f.key, f.round
), over AS (
    UPDATE projects_project p SET state = 'completed', finished_at = clock_timestamp()
      FROM passed WHERE p.id = passed.project_id
 RETURNING p.id
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT stream, kind, actor, subject, data
      FROM (
        SELECT 1 AS place, project_id AS stream, 'step.completed' AS kind, %(actor)s::text AS actor, key AS subject,
               told AS data
          FROM done
        UNION ALL
        SELECT 2, project_id, 'phase.completed', 'system', key, jsonb_build_object('round', round) FROM passed
        UNION ALL
        SELECT 3, id, 'project.completed', 'system', '', '{}'::jsonb FROM over
      ) all_events
     ORDER BY place
)
SELECT (SELECT array_agg(id) FROM done) AS landed,
       (SELECT array_agg(o.id) FROM over o, LATERAL (
            -- Each on its own channel, which the caller names.
            SELECT pg_notify((%(channels)s::text[])[array_position(%(projects)s::uuid[], o.id)], 'ended')) told
       ) AS finished;

-- name: complete_batch
-- Commit the results of several steps and claim others: one commit for all of them. Claimed is what follows a result that
-- landed, and of what stands ready beside it at most so many. SKIP LOCKED: the same message may be in two hands, and
-- neither waits for the other. The projects are locked in the order in which everybody locks several, and each before
-- those of its steps that others may change.
WITH
-- include: given
, allowed AS (
    SELECT p.id FROM projects_project p
     WHERE p.id = ANY(%(projects)s::uuid[]) AND (p.state = 'running') IS TRUE AND p.directive = 'run'
     ORDER BY p.id
       FOR KEY SHARE OF p
), beside AS (
    SELECT n.id FROM projects_step n
     -- By no id at all it would be looked for in everything that is ready.
     WHERE cardinality(%(next)s::uuid[]) > 0 AND n.id = ANY(%(next)s::uuid[])
       -- So that no index of a project fits, which would have all its steps read.
       AND (n.project_id = ANY(ARRAY(SELECT id FROM allowed))) IS TRUE
       AND (n.state = 'ready') IS TRUE AND NOT n.guarded
       AND (n.available_at IS NULL OR n.available_at <= clock_timestamp())
     ORDER BY n.position LIMIT %(most)s
       FOR UPDATE SKIP LOCKED
), wanted AS (
    SELECT id FROM beside UNION ALL SELECT following FROM done WHERE following IS NOT NULL
), claimed AS (
    UPDATE projects_step s
       SET state = 'running',
           attempt = s.attempt + 1,
           lease_owner = %(worker)s,
           lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
           timeout_at = clock_timestamp() + make_interval(secs => s.timeout_seconds),
           started_at = coalesce(s.started_at, clock_timestamp())
      FROM wanted
     WHERE s.id = wanted.id AND (s.project_id = ANY(ARRAY(SELECT id FROM allowed))) IS TRUE
       AND (s.state IN ('pending', 'ready')) IS TRUE AND NOT s.guarded
       AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
 RETURNING s.*
), attempted AS (
    INSERT INTO projects_attempt (step_id, number, worker, outcome, tokens_in, tokens_out, cost, started_at)
    SELECT id, attempt, %(worker)s, 'running', 0, 0, 0, clock_timestamp() FROM claimed
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, kind, %(actor)s, key, data
      FROM (
        SELECT 1 AS place, position, project_id, 'step.completed' AS kind, key, told AS data FROM done
        UNION ALL
        SELECT 2, position, project_id, 'step.started', key, jsonb_build_object('attempt', attempt, 'round', round)
          FROM claimed WHERE (error ->> 'code') IS DISTINCT FROM 'no_agent_now'
      ) both_events
     ORDER BY place, position
)
SELECT (SELECT array_agg(done.id) FROM done) AS landed, c.id, c.project_id, c.phase_id, c.key, c.round, c.position,
       c.parent_id, c.item, c.agent, c.attempt, c.failures, c.timeout_seconds, c.guarded,
-- include: looks
       coalesce(c.spec, (SELECT parent.spec FROM projects_step parent WHERE parent.id = c.parent_id)) AS spec
  FROM (SELECT 1) one
  LEFT JOIN claimed c ON true
 ORDER BY c.position;

-- name: still_run
-- Those of some projects whose steps may begin, as claims ask it.
SELECT p.id FROM projects_project p
 WHERE p.id = ANY(%(projects)s::uuid[]) AND (p.state = 'running') IS TRUE AND p.directive = 'run';

-- name: facts
-- What stays as it is of a project for as long as it runs.
SELECT p.inputs::text, p.variables::text, p.intent, p.title, p.priority FROM projects_project p WHERE p.id = %(project)s;

-- name: lock_phase
-- The phase that is worked on, or comes next. Its row is the lock under which advance decides.
SELECT f.* FROM projects_phase f
 WHERE f.project_id = %(project)s AND f.state IN ('running', 'waiting', 'pending')
 ORDER BY f.position LIMIT 1
   FOR UPDATE;

-- name: project
SELECT p.* FROM projects_project p WHERE p.id = %(project)s;

-- part: project_with_proposals
SELECT p.*, EXISTS (SELECT 1 FROM projects_intervention i WHERE i.project_id = p.id AND i.state = 'proposed') AS proposed
  FROM projects_project p WHERE p.id = %(project)s

-- name: lock_project
-- Against other calls of advance, and against changes of its state and its plan; not against claims, which hold
-- FOR KEY SHARE. Everybody locks the project before its phase.
-- include: project_with_proposals
   FOR NO KEY UPDATE OF p;

-- name: lock_project_if_free
-- The same for those who look after many: whoever holds it is at it, or was stopped, and the others do not wait for that.
-- include: project_with_proposals
   FOR NO KEY UPDATE OF p SKIP LOCKED;

-- part: what_decides
-- Of a step no more than a decision needs: what the engine has to evaluate for it, and which steps it needs.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.position, s.parent_id, s.kind, s.agent, s.pool, s.on_failure,
       s.state, s.guarded, s.timeout_seconds, s.available_at, s.published_at, s.crashes, s.error, s.finished_at,
       -- Of a step that only calls its agent the specification is its worker's to read.
       CASE WHEN s.kind <> 'agent' OR s.spec ?| ARRAY['when', 'for_each', 'timeouts'] THEN s.spec END AS spec,
       ARRAY(SELECT d.needs_id FROM projects_dependency d WHERE d.step_id = s.id ORDER BY d.id) AS needs
  FROM projects_step s

-- name: steps_of_round
-- The steps of a phase's round without their items.
-- include: what_decides
 WHERE s.phase_id = %(phase)s AND s.round = %(round)s AND s.parent_id IS NULL
 ORDER BY s.position;

-- name: steps_at_hand
-- The same of the phases that some projects work on, or that come next.
WITH at_hand AS (
    SELECT f.id, f.round
      FROM unnest(%(projects)s::uuid[]) AS given (id),
           LATERAL (SELECT f.id, f.round FROM projects_phase f
                     WHERE f.project_id = given.id AND f.state IN ('running', 'waiting', 'pending')
                     ORDER BY f.position LIMIT 1) f
)
-- include: what_decides
 WHERE s.phase_id = ANY(ARRAY(SELECT h.id FROM at_hand h))
   AND s.round = (SELECT h.round FROM at_hand h WHERE h.id = s.phase_id) AND s.parent_id IS NULL
 ORDER BY s.phase_id, s.position;

-- name: begin
-- pending to running, with its events; of several projects at once, locked in the order in which everybody locks
-- several. No row: it is not pending, or waits for others, and a slower look says which.
WITH due AS (
    SELECT p.id FROM projects_project p
     WHERE p.id = ANY(%(projects)s::uuid[]) AND (p.state = 'pending') IS TRUE AND p.directive = 'run'
       AND NOT EXISTS (SELECT 1 FROM projects_project_after a JOIN projects_project b ON b.id = a.to_project_id
                        WHERE a.from_project_id = p.id AND b.state <> 'completed')
     ORDER BY p.id
       FOR NO KEY UPDATE OF p
), begun AS (
    UPDATE projects_project p
       SET state = 'running', started_at = clock_timestamp()
      FROM due WHERE p.id = due.id
 RETURNING p.*
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT id, kind, %(actor)s, '', '{}'::jsonb
      FROM begun, unnest(%(kinds)s::text[]) WITH ORDINALITY AS events (kind, place)
     ORDER BY place
)
SELECT begun.*, CASE WHEN begun.deadline IS NULL THEN (b.definition -> 'deadline' ->> 'after')::float8 END AS deadline_after
  FROM begun JOIN projects_blueprintversion b ON b.id = begun.blueprint_id;

-- name: enter_phase
-- Lock the phase of each project that is worked on, or comes next; one that comes next begins with it. Its row is the
-- lock under which advance decides, and whoever takes it has locked the project before. All columns are the locked
-- row's: those of the statement's snapshot may be older than the lock.
WITH due AS (
    SELECT f.*
      FROM unnest(%(projects)s::uuid[]) AS given (id),
           LATERAL (SELECT f.* FROM projects_phase f
                     WHERE f.project_id = given.id AND f.state IN ('running', 'waiting', 'pending')
                     ORDER BY f.position LIMIT 1
                       FOR UPDATE) f
), begun AS (
    UPDATE projects_phase f SET state = 'running', started_at = clock_timestamp()
      FROM due WHERE f.id = due.id AND due.state = 'pending'
 RETURNING f.*
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'phase.started', 'system', key, jsonb_build_object('round', round) FROM begun
)
SELECT * FROM begun UNION ALL SELECT * FROM due WHERE due.state <> 'pending';

-- name: pass_phase
-- running or waiting to completed; and whether another phase is to come.
WITH passed AS (
    UPDATE projects_phase SET state = 'completed', finished_at = clock_timestamp()
     WHERE id = %(phase)s AND (state IN ('running', 'waiting')) IS TRUE
 RETURNING id, project_id, key, round, position
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'phase.completed', 'system', key, jsonb_build_object('round', round) FROM passed
)
SELECT EXISTS (SELECT 1 FROM passed JOIN projects_phase f ON f.project_id = passed.project_id
                WHERE f.position > passed.position AND f.state <> 'completed') AS is_followed;

-- name: complete_project
-- running to completed; those who wait for its end are told, and with it comes whether other projects do.
WITH completed AS (
    UPDATE projects_project SET state = 'completed', finished_at = clock_timestamp()
     WHERE id = %(project)s AND (state = 'running') IS TRUE
 RETURNING id
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT id, 'project.completed', 'system', '', '{}'::jsonb FROM completed
)
SELECT c.id, EXISTS (SELECT 1 FROM projects_project_after a JOIN projects_project b ON b.id = a.from_project_id
                      WHERE a.to_project_id = c.id AND b.state = 'pending') AS awaited,
       EXISTS (SELECT 1 FROM projects_timer t WHERE t.project_id = c.id) AS timed,
       EXISTS (SELECT 1 FROM projects_approval a WHERE a.project_id = c.id AND a.state = 'open') AS asked,
       pg_notify(%(channel)s, 'ended')
  FROM completed c;

-- name: make_ready
-- Steps whose needs are met; those that are sent at once are marked so in the same statement.
UPDATE projects_step
   SET state = 'ready', published_at = CASE WHEN id = ANY(%(sent)s::uuid[]) THEN clock_timestamp() END
 WHERE id = ANY(%(steps)s::uuid[]) AND (state = 'pending') IS TRUE;

-- name: mark_sent
UPDATE projects_step SET published_at = clock_timestamp() WHERE id = ANY(%(steps)s::uuid[]) AND (state = 'ready') IS TRUE;

-- name: expand
-- One step an item of a list, from place "first" on; so many of them are sent at once. That an item fails is no end of
-- a search, which learns from the others.
INSERT INTO projects_step
       (id, project_id, phase_id, key, round, position, parent_id, item, kind, agent, pool, on_failure, state, attempt,
        failures, crashes, timeout_seconds, guarded, concurrency_key, concurrency_limit, created_at, published_at)
SELECT given.id, p.project_id, p.phase_id, p.key || '[' || (%(first)s + given.place - 1) || ']', p.round,
       %(first)s + given.place - 1, p.id, given.item::jsonb, p.kind, p.agent, p.pool,
       CASE WHEN p.kind = 'swarm' THEN 'continue' ELSE p.on_failure END, %(state)s, 0, 0, 0, p.timeout_seconds, p.guarded,
       p.concurrency_key, p.concurrency_limit, clock_timestamp(),
       CASE WHEN given.place <= %(sent)s THEN clock_timestamp() END
  FROM projects_step p,
       unnest(%(ids)s::uuid[], %(items)s::text[]) WITH ORDINALITY AS given (id, item, place)
 WHERE p.id = %(parent)s;

-- name: swarm_answers
-- What the chunks of a generation were and what came of them, in the order in which they were put.
SELECT i.item ->> 'generation' AS generation, i.item ->> 'first' AS first, i.state, i.result, i.result_blob_id,
       i.error ->> 'message' AS error, i.degraded IS NOT NULL AS degraded
  FROM projects_step i
 WHERE i.parent_id = %(step)s AND i.position >= %(first)s
 ORDER BY i.position;

-- name: swarm_forget
-- What was put and answered in a generation that is folded, and why whom: the rows stay, and their digests in the
-- history; what they held is in the state of the search as far as it counts.
WITH emptied AS (
    UPDATE projects_step SET item = NULL, result = NULL, result_blob_id = NULL
     WHERE parent_id = %(step)s AND position >= %(first)s AND position < %(following)s
 RETURNING id
)
UPDATE projects_attempt a SET decision = NULL, details = NULL
  FROM emptied WHERE a.step_id = emptied.id AND (a.decision IS NOT NULL OR a.details IS NOT NULL);

-- name: items_open
-- Whether any item of a list is not over, and whether any failed. By partial indexes: what is over is not looked at,
-- however much it is.
SELECT EXISTS (SELECT 1 FROM projects_step i
                WHERE i.parent_id = %(parent)s AND i.state IN ('ready', 'running', 'waiting', 'pending')) AS open,
       EXISTS (SELECT 1 FROM projects_step i WHERE i.parent_id = %(parent)s AND i.state = 'failed') AS failed;

-- name: items_in_flight
-- How many items of a list are with workers. Those are the first of the open ones, so that a look at as many as may
-- be in flight, and some that were taken back, is enough. One that stands aside for want of room holds its place in
-- the window: otherwise the whole list would come to stand aside.
SELECT count(*) FILTER (WHERE i.state = 'running' OR i.published_at IS NOT NULL
                           OR (i.guarded AND i.available_at > clock_timestamp())) AS in_flight
  FROM (SELECT i.state, i.published_at, i.guarded, i.available_at FROM projects_step i
         WHERE i.parent_id = %(parent)s AND i.state IN ('ready', 'running', 'waiting', 'pending')
         ORDER BY i.position LIMIT %(limit)s) i;

-- name: send_items
-- The next items of a list that have not been sent, in their order.
WITH due AS (
    SELECT i.id FROM projects_step i
     WHERE i.parent_id = %(parent)s AND i.state = 'ready' AND i.published_at IS NULL
       AND (i.available_at IS NULL OR i.available_at <= clock_timestamp())
     ORDER BY i.position LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
)
UPDATE projects_step s SET published_at = clock_timestamp() FROM due WHERE s.id = due.id
RETURNING s.id, s.position, s.crashes + s.failures AS setbacks;

-- name: next_leg
-- The next items of a list, for one message more: all of them or none, and none of those that failed before. Without
-- the project's lock: whoever holds that passes over what is locked here, and whoever changes the project meanwhile is
-- heeded by the claims.
WITH due AS (
    SELECT i.id FROM projects_step i
     WHERE i.parent_id = %(parent)s AND i.state = 'ready' AND i.published_at IS NULL AND i.attempt = 0
     ORDER BY i.position LIMIT %(size)s
       FOR UPDATE SKIP LOCKED
)
UPDATE projects_step s SET published_at = clock_timestamp()
  FROM due
 WHERE s.id = due.id AND (SELECT count(*) FROM due) = %(size)s
   AND EXISTS (SELECT 1 FROM projects_project p
                WHERE p.id = %(project)s AND (p.state = 'running') IS TRUE AND p.directive = 'run')
RETURNING s.id, s.position;

-- part: looked
-- A running attempt, and whether it is a look at a step that no agent could take: its start was not told of yet. Only
-- the holder of the lease changes the error meanwhile, and it is the one who ends the attempt, or is dead.
looked AS MATERIALIZED (
    SELECT id, error, (error ->> 'code') IS NOT DISTINCT FROM 'no_agent_now' AS untold
      FROM projects_step
     WHERE id = %(step)s AND (state = 'running') IS TRUE AND attempt = %(attempt)s
       FOR NO KEY UPDATE
)

-- name: take_up
-- Somebody takes a step that waited for an agent: from here on it has begun, and what it waited for is over.
WITH
-- include: looked
, taken AS (
    UPDATE projects_step s SET error = NULL
      FROM looked WHERE s.id = looked.id AND looked.untold
 RETURNING s.project_id, s.key, s.round, s.attempt
)
INSERT INTO history_event (stream, kind, actor, subject, data)
SELECT project_id, 'step.started', %(actor)s, key, jsonb_build_object('attempt', attempt, 'round', round) FROM taken;

-- name: look_in_vain
-- Still nobody can take a step, for the reason that the history has told: the look leaves no trace but when the next
-- one is. Its attempt was nobody's but the one's who gives it up here, so that its number is free again. No row: the
-- reason is another, or the lease is another's, and "put_back" says which.
WITH
-- include: looked
, put AS (
    UPDATE projects_step s
       SET state = 'ready', attempt = s.attempt - 1,
           error = %(error)s::jsonb || jsonb_build_object(
               'looks', coalesce((looked.error ->> 'looks')::int, 1) + 1, 'since', looked.error -> 'since'),
           available_at = make_interval(secs => %(delay)s) + (
               SELECT CASE WHEN p.directive = 'pause' THEN p.directive_since ELSE clock_timestamp() END
                 FROM projects_project p WHERE p.id = s.project_id),
           published_at = CASE WHEN %(published)s THEN clock_timestamp() END,
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
      FROM looked
     WHERE s.id = looked.id AND looked.untold
       -- How many places are taken may be another number each time.
       AND regexp_replace(looked.error ->> 'message', '\d+', '#', 'g')
           = regexp_replace(%(error)s::jsonb ->> 'message', '\d+', '#', 'g')
 RETURNING s.id
), gone AS (
    DELETE FROM projects_attempt a USING put WHERE a.step_id = put.id AND a.step_id = %(step)s AND a.number = %(attempt)s
), free AS (
    DELETE FROM projects_reservation r USING put
     WHERE r.step_id = put.id AND r.step_id = %(step)s AND r.attempt = %(attempt)s
)
SELECT id FROM put;

-- name: put_back
-- A step that is to be tried again: after an error, a timeout, a lost worker or a worker that hands it back.
WITH
-- include: looked
, put AS (
    UPDATE projects_step s
       SET state = 'ready',
           error = CASE WHEN %(outcome)s::text = 'held'
                        THEN %(error)s::jsonb || jsonb_build_object('looks', 1, 'since', coalesce(
                            CASE WHEN looked.untold THEN looked.error -> 'since' END, to_jsonb(clock_timestamp())))
                        ELSE %(error)s::jsonb END,
           -- In a pause the clock of the project stands still since it began, and is moved on by its length.
           available_at = make_interval(secs => %(delay)s) + (
               SELECT CASE WHEN p.directive = 'pause' THEN p.directive_since ELSE clock_timestamp() END
                 FROM projects_project p WHERE p.id = s.project_id),
           published_at = CASE WHEN %(published)s THEN clock_timestamp() END,
           failures = s.failures + %(failures)s, crashes = s.crashes + %(crashes)s,
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
      FROM looked
     WHERE s.id = looked.id
 RETURNING s.id, s.project_id, s.parent_id, s.spec, s.key, s.round, s.attempt, s.available_at, looked.untold
), ended AS (
    UPDATE projects_attempt a
       SET outcome = %(outcome)s, error = %(error)s::jsonb, finished_at = clock_timestamp()
      FROM put WHERE a.step_id = %(step)s AND a.number = %(attempt)s
), awaited AS (
    -- Somebody had begun it: from here on it waits for somebody again. What nobody could take has waited all along.
    INSERT INTO projects_timer (project_id, kind, step_id, due_at, created_at)
    SELECT put.project_id, 'start', put.id,
           put.available_at
               + make_interval(secs => (coalesce(put.spec, l.spec) -> 'timeouts' ->> 'schedule_to_start')::float8),
           clock_timestamp()
      FROM put LEFT JOIN projects_step l ON l.id = put.parent_id
     WHERE %(outcome)s::text <> 'held' AND coalesce(put.spec, l.spec) -> 'timeouts' ? 'schedule_to_start'
        ON CONFLICT (step_id, kind) WHERE step_id IS NOT NULL DO UPDATE SET due_at = EXCLUDED.due_at
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, kind, %(actor)s, key, data
      FROM (
        SELECT 1 AS place, project_id, 'step.started' AS kind, key,
               jsonb_build_object('attempt', attempt, 'round', round) AS data
          FROM put WHERE untold
        UNION ALL
        SELECT 2, project_id, %(kind)s::text, key,
               jsonb_build_object('attempt', attempt, 'round', round, 'error', %(error)s::jsonb,
                                  'again_at', available_at)
          FROM put
      ) all_events
     ORDER BY place
)
SELECT project_id FROM put;

-- name: give_up
-- A step that failed for good.
WITH
-- include: looked
, given_up AS (
    UPDATE projects_step s
       SET state = 'failed', error = %(error)s::jsonb, finished_at = clock_timestamp(),
           failures = s.failures + %(failures)s, crashes = s.crashes + %(crashes)s,
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
      FROM looked
     WHERE s.id = looked.id
 RETURNING s.id, s.project_id, s.key, s.round, s.attempt, looked.untold
), ended AS (
    UPDATE projects_attempt a
       SET outcome = %(outcome)s, error = %(error)s::jsonb, finished_at = clock_timestamp()
      FROM given_up WHERE a.step_id = %(step)s AND a.number = %(attempt)s
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, kind, %(actor)s, key, data
      FROM (
        SELECT 1 AS place, project_id, 'step.started' AS kind, key,
               jsonb_build_object('attempt', attempt, 'round', round) AS data
          FROM given_up WHERE untold
        UNION ALL
        SELECT 2, project_id, 'step.failed', key, jsonb_build_object('attempt', attempt, 'round', round, 'error', %(error)s::jsonb)
          FROM given_up
      ) all_events
     ORDER BY place
)
SELECT project_id FROM given_up;

-- name: cancel_attempt
-- The end of an attempt whose project was cancelled: the step is over, whatever the agent returned.
WITH
-- include: looked
, cancelled AS (
    UPDATE projects_step s
       SET state = 'cancelled', finished_at = clock_timestamp(),
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
      FROM looked
     WHERE s.id = looked.id
 RETURNING s.id, s.project_id, s.key, s.round, s.attempt, looked.untold
), ended AS (
    UPDATE projects_attempt a SET outcome = 'cancelled', finished_at = clock_timestamp()
      FROM cancelled WHERE a.step_id = %(step)s AND a.number = %(attempt)s
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, kind, %(actor)s, key, data
      FROM (
        SELECT 1 AS place, project_id, 'step.started' AS kind, key,
               jsonb_build_object('attempt', attempt, 'round', round) AS data
          FROM cancelled WHERE untold
        UNION ALL
        SELECT 2, project_id, 'step.cancelled', key, jsonb_build_object('attempt', attempt, 'round', round)
          FROM cancelled
      ) all_events
     ORDER BY place
)
SELECT project_id FROM cancelled;

-- name: renew
-- One heartbeat of a worker process: all its leases at once. What does not come back was taken from it. The timeout
-- of an attempt is not moved: a lease says that the worker lives, not that the agent is in time. A step that somebody
-- holds is passed over until the next one: waiting for it would cost the worker its other leases.
WITH free AS (
    SELECT id FROM projects_step
     WHERE lease_owner = %(worker)s AND id = ANY(%(steps)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), renewed AS (
    UPDATE projects_step s SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
      FROM free WHERE s.id = free.id
)
SELECT s.id, s.attempt, p.directive = 'cancel' AS cancelled
  FROM projects_step s JOIN projects_project p ON p.id = s.project_id
 WHERE s.lease_owner = %(worker)s AND s.id = ANY(%(steps)s);

-- name: chosen_agent
-- Who is about to be called for an attempt, and why, written down before the call.
UPDATE projects_attempt SET performer = %(name)s, performer_id = %(agent)s, decision = %(decision)s::jsonb
 WHERE step_id = %(step)s AND number = %(attempt)s AND finished_at IS NULL;

-- name: leave_to_agent
-- The agent has taken the work and will answer by its lease token: from here the lease is its own, and ends unless it
-- is heard of. No row: the attempt was taken from the worker meanwhile.
WITH left_to AS (
    UPDATE projects_step
       SET lease_owner = %(agent)s,
           lease_until = least(clock_timestamp() + make_interval(secs => %(within)s), timeout_at)
     WHERE id = %(step)s AND (state = 'running') IS TRUE AND attempt = %(attempt)s
 RETURNING id, project_id, key, round, attempt, lease_until
), placed AS (
    UPDATE projects_attempt a SET place = %(place)s::jsonb
      FROM left_to WHERE a.step_id = left_to.id AND a.number = left_to.attempt
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.accepted', %(actor)s, key,
           jsonb_build_object('attempt', attempt, 'round', round, 'agent', %(name)s::text, 'until', lease_until)
      FROM left_to
)
SELECT id FROM left_to;

-- name: heard_of_agent
-- A heartbeat of an agent that answers later: until when it is to be heard of again, which the step itself may bound,
-- and the place that it keeps. No row: the attempt is over, or another's.
WITH asked AS (
    SELECT s.id, least(%(within)s::float8, (coalesce(s.spec, l.spec) -> 'timeouts' ->> 'heartbeat')::float8) AS within
      FROM projects_step s LEFT JOIN projects_step l ON l.id = s.parent_id
     WHERE s.id = %(step)s
), renewed AS (
    UPDATE projects_step s
       SET lease_until = least(clock_timestamp() + make_interval(secs => asked.within), s.timeout_at)
      FROM asked, projects_project p
     WHERE p.id = s.project_id AND s.id = asked.id AND (s.state = 'running') IS TRUE AND s.attempt = %(attempt)s
 RETURNING s.id, s.attempt, s.lease_until, p.directive = 'cancel' AS cancelled
), noted AS (
    UPDATE projects_attempt a SET details = %(details)s::jsonb
      FROM renewed WHERE a.step_id = renewed.id AND a.number = renewed.attempt AND %(details)s::text IS NOT NULL
)
SELECT r.lease_until, r.cancelled, a.performer, a.place,
       extract(epoch FROM r.lease_until - clock_timestamp())::float8 AS seconds
  FROM renewed r JOIN projects_attempt a ON a.step_id = r.id AND a.number = r.attempt;

-- name: kept_place
-- The place with an agent that an attempt keeps, taken off it: it is given back once.
WITH kept AS (
    SELECT a.id, a.performer, a.place, a.performer_id,
           extract(epoch FROM clock_timestamp() - a.started_at)::float8 AS seconds
      FROM projects_attempt a
     WHERE a.step_id = %(step)s AND a.number = %(attempt)s AND a.place IS NOT NULL
       FOR UPDATE
), taken AS (
    UPDATE projects_attempt a SET place = NULL FROM kept WHERE a.id = kept.id
)
SELECT performer, place, performer_id, seconds FROM kept;

-- name: held_attempt
-- A running attempt as a worker has it after its claim.
SELECT c.id, c.project_id, c.phase_id, c.key, c.round, c.position, c.parent_id, c.item, c.agent, c.attempt,
       c.failures, c.timeout_seconds, c.guarded,
-- include: looks
       coalesce(c.spec, parent.spec) AS spec
  FROM projects_step c LEFT JOIN projects_step parent ON parent.id = c.parent_id
 WHERE c.id = %(step)s AND (c.state = 'running') IS TRUE AND c.attempt = %(attempt)s;

-- name: silent
-- Steps whose worker fell silent, or whose attempt has taken so long that its worker can no longer be trusted to stop
-- it. SKIP LOCKED: a step that is being committed at this moment is alive, and two recoveries share the work.
SELECT s.id, s.project_id, s.attempt, s.crashes, s.failures, s.lease_until <= clock_timestamp() AS lost, p.directive,
       EXISTS (SELECT 1 FROM projects_attempt a
                WHERE a.step_id = s.id AND a.number = s.attempt AND a.performer_id = s.lease_owner) AS left_to_agent
  FROM projects_step s
  JOIN projects_project p ON p.id = s.project_id
 WHERE s.lease_owner IS NOT NULL
   AND (s.lease_until <= clock_timestamp()
        OR s.timeout_at <= clock_timestamp() - make_interval(secs => %(grace)s))
 ORDER BY s.lease_until
 LIMIT %(limit)s
   FOR UPDATE OF s SKIP LOCKED;

-- name: free_locks
-- Workers whose session lock is free, each suspected from the first time on; "dead" are those that have been for long
-- enough. A lock taken before this server started says nothing: the server's restart let go of all of them.
WITH others AS MATERIALIZED (
    SELECT id, lock_key FROM projects_worker
     WHERE lock_key IS NOT NULL AND id <> %(but)s AND locked_at > pg_postmaster_start_time()
), tried AS MATERIALIZED (
    SELECT id, pg_try_advisory_xact_lock(lock_key) AS free FROM others
), changed AS (
    -- A row that somebody holds is marked by a later look, and keeps nobody from the others.
    SELECT w.id, tried.free FROM projects_worker w JOIN tried ON tried.id = w.id
     WHERE tried.free <> (w.suspected_at IS NOT NULL)
       FOR NO KEY UPDATE OF w SKIP LOCKED
), suspected AS (
    UPDATE projects_worker w
       SET suspected_at = CASE WHEN changed.free THEN coalesce(w.suspected_at, clock_timestamp()) END
      FROM changed
     WHERE w.id = changed.id
)
SELECT w.id FROM projects_worker w JOIN tried ON tried.id = w.id
 WHERE tried.free AND w.suspected_at <= clock_timestamp() - make_interval(secs => %(grace)s);

-- name: left_to_agents
-- Steps that agents took to answer later, and hold the leases of.
SELECT s.id, s.project_id, s.attempt, s.crashes, s.failures, true AS lost, true AS left_to_agent, p.directive
  FROM projects_step s JOIN projects_project p ON p.id = s.project_id
 WHERE s.lease_owner = ANY(%(agents)s::uuid[])
 ORDER BY s.id
   FOR UPDATE OF s SKIP LOCKED;

-- name: held_by
-- Steps that dead workers held. SKIP LOCKED: a commit that the server still works on is waited for by the next look.
SELECT s.id, s.project_id, s.attempt, s.crashes, s.failures, true AS lost, p.directive
  FROM projects_step s JOIN projects_project p ON p.id = s.project_id
 WHERE s.lease_owner = ANY(%(workers)s)
 ORDER BY s.id
   FOR UPDATE OF s SKIP LOCKED;

-- name: abandoned
-- Steps that a worker which lives holds the lease of, and does not work on: it lost the database in the middle. What
-- was claimed a moment ago is left alone, as the worker may not have noted it yet.
SELECT s.id, s.project_id, s.attempt, s.crashes, s.failures, p.directive
  FROM projects_step s JOIN projects_project p ON p.id = s.project_id
 WHERE s.lease_owner = %(worker)s AND NOT s.id = ANY(%(held)s::uuid[])
   AND s.lease_until < clock_timestamp() + make_interval(secs => %(lease)s - 2)
   FOR UPDATE OF s SKIP LOCKED;

-- name: is_abandoned
-- Whether there are such: a look that waits for nobody.
SELECT EXISTS (SELECT 1 FROM projects_step s
                WHERE s.lease_owner = %(worker)s AND NOT s.id = ANY(%(held)s::uuid[])
                  AND s.lease_until < clock_timestamp() + make_interval(secs => %(lease)s - 2)) AS found;

-- name: unpublish_after_deaths
-- Ready steps whose messages a dead worker may have had in its hands: those of the projects that it worked on, and, as
-- queues are served in order, those that were sent first to its pools. A message too many is turned away by the claim.
WITH pools AS MATERIALIZED (
    SELECT DISTINCT jsonb_array_elements_text(w.pools) AS pool FROM projects_worker w WHERE w.id = ANY(%(workers)s)
), eldest AS MATERIALIZED (
    SELECT DISTINCT s.published_at FROM projects_step s
     WHERE s.state = 'ready' AND s.published_at IS NOT NULL AND s.pool IN (SELECT pool FROM pools)
     ORDER BY s.published_at LIMIT 10
)
UPDATE projects_step SET published_at = NULL
 WHERE id IN (
    SELECT s.id FROM projects_step s
     WHERE s.state = 'ready' AND s.published_at IS NOT NULL
       AND (s.project_id = ANY(%(projects)s) OR s.published_at IN (SELECT published_at FROM eldest))
       FOR UPDATE SKIP LOCKED
 )
RETURNING project_id;

-- name: forget_workers
DELETE FROM projects_worker w
 WHERE w.id = ANY(%(workers)s)
   AND NOT EXISTS (SELECT 1 FROM projects_step s WHERE s.lease_owner = w.id);

-- name: pulse
INSERT INTO projects_pulse (name, at) VALUES (%(work)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET at = excluded.at;

-- name: pulse_overdue
-- Whether a piece of regular work has not been done for so many seconds.
SELECT NOT EXISTS (SELECT 1 FROM projects_pulse
                    WHERE name = %(work)s AND at > clock_timestamp() - make_interval(secs => %(bound)s)) AS overdue;

-- name: unpublish
-- Ready steps whose message is older than the bound: taken for lost, to be sent again. Not those of a queue in which
-- messages stand, unless one that was sent later is being done already: queues are served in order, so that theirs stands
-- there still, and to send it again would only make the queue longer.
WITH standing AS MATERIALIZED (
    SELECT * FROM unnest(%(pools)s::text[], %(priorities)s::int[]) AS given (pool, priority)
), served AS MATERIALIZED (
    SELECT s.pool, p.priority, max(s.published_at) AS up_to
      FROM projects_step s JOIN projects_project p ON p.id = s.project_id
     WHERE s.lease_owner IS NOT NULL
     GROUP BY s.pool, p.priority
)
UPDATE projects_step
   SET published_at = NULL
 WHERE id IN (
    SELECT s.id FROM projects_step s
      JOIN projects_project p ON p.id = s.project_id
      LEFT JOIN standing q ON q.pool = s.pool AND q.priority = p.priority
      LEFT JOIN served v ON v.pool = s.pool AND v.priority = p.priority
     WHERE s.state = 'ready' AND s.published_at IS NOT NULL
       AND greatest(s.published_at, s.available_at) <= clock_timestamp() - make_interval(secs => %(bound)s)
       AND (q.pool IS NULL OR greatest(s.published_at, s.available_at) < v.up_to - interval '5 seconds')
     LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
 )
RETURNING project_id;

-- name: neglected
-- Running projects that would move if somebody looked: something is ready and was not sent, everything a pending step
-- or a for_each waits for is over, what a step waits for has happened, a pause has nothing left to wait for, or nothing
-- is in flight at all. The last covers what no rule foresaw. A cancelled or paused project whose steps run, here or
-- below, moves by their ends. "after" is the last that was looked at, so that what cannot be moved hides nobody.
SELECT p.id, p.priority
  FROM projects_project p
 WHERE (p.state = 'running' OR (p.state = 'pending' AND p.directive = 'cancel'))
   AND (p.priority, p.id) > (%(priority)s, %(after)s::uuid)
   AND (
        (p.directive = 'cancel' AND (
            EXISTS (SELECT 1 FROM projects_step s WHERE s.project_id = p.id AND s.state IN ('pending', 'ready'))
         OR EXISTS (SELECT 1 FROM projects_approval a WHERE a.project_id = p.id AND a.state = 'open' AND a.purpose = 'step')
         OR EXISTS (SELECT 1 FROM projects_timer t WHERE t.project_id = p.id AND t.kind = 'wait')
         OR EXISTS (SELECT 1 FROM projects_step s JOIN projects_project c ON c.parent_step_id = s.id
                     WHERE s.project_id = p.id AND s.state = 'waiting' AND s.kind = 'project'
                       AND c.state IN ('pending', 'running') AND c.directive <> 'cancel')
         OR (NOT EXISTS (SELECT 1 FROM projects_step s WHERE s.project_id = p.id AND s.state = 'running')
             AND NOT EXISTS (SELECT 1 FROM projects_step s JOIN projects_project c ON c.parent_step_id = s.id
                              WHERE s.project_id = p.id AND s.kind = 'project' AND c.state IN ('pending', 'running')))))
     OR (p.directive = 'pause' AND p.drained_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM projects_step s WHERE s.project_id = p.id AND s.state = 'running')
         AND NOT EXISTS (
             WITH RECURSIVE below AS (
                 SELECT c.id FROM projects_step s JOIN projects_project c ON c.parent_step_id = s.id
                  WHERE s.project_id = p.id AND s.kind = 'project' AND c.state = 'running'
                  UNION ALL
                 SELECT c.id FROM below
                   JOIN projects_step s ON s.project_id = below.id AND s.kind = 'project'
                   JOIN projects_project c ON c.parent_step_id = s.id AND c.state = 'running'
             )
             SELECT 1 FROM below JOIN projects_step s ON s.project_id = below.id WHERE s.state = 'running'))
     OR (p.directive = 'run' AND (
            EXISTS (SELECT 1 FROM projects_step s
                     WHERE s.project_id = p.id AND s.state = 'ready' AND s.published_at IS NULL
                       AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
                       -- Of a list only a window is sent: the end of those in flight brings the next.
                       AND (s.parent_id IS NULL
                            OR NOT EXISTS (SELECT 1 FROM projects_step i
                                            WHERE i.parent_id = s.parent_id
                                              AND i.state IN ('pending', 'ready', 'running', 'waiting')
                                              AND (i.state = 'running' OR i.published_at IS NOT NULL
                                                   OR (i.guarded AND i.available_at > clock_timestamp())))))
         OR EXISTS (SELECT 1 FROM projects_step s JOIN projects_phase f ON f.id = s.phase_id
                     WHERE s.project_id = p.id AND s.state = 'pending' AND s.parent_id IS NULL
                       AND f.state = 'running' AND s.round = f.round
                       AND NOT EXISTS (SELECT 1 FROM projects_dependency d JOIN projects_step n ON n.id = d.needs_id
                                        WHERE d.step_id = s.id
                                          AND n.state IN ('pending', 'ready', 'running', 'waiting')))
         -- A list or a search: no item of it is under way, or one is pending where the window has room.
         OR EXISTS (SELECT 1 FROM projects_step s
                     WHERE s.project_id = p.id AND s.state = 'waiting' AND (s.spec ? 'for_each' OR s.kind = 'swarm')
                       AND (NOT EXISTS (SELECT 1 FROM projects_step i
                                         WHERE i.parent_id = s.id AND i.state IN ('ready', 'running', 'waiting'))
                            OR (EXISTS (SELECT 1 FROM projects_step i WHERE i.parent_id = s.id AND i.state = 'pending')
                                AND (SELECT count(*) FROM projects_step i
                                      WHERE i.parent_id = s.id AND i.state IN ('ready', 'running', 'waiting'))
                                    < coalesce((s.spec ->> 'max_parallel')::int, %(window)s))))
         -- What waits by its kind, itself or as an item: its time is over, its signal is there, its approval is
         -- decided, its child has ended. A kind that is not named here is looked at every time.
         OR EXISTS (SELECT 1
                      FROM projects_step s LEFT JOIN projects_step l ON l.id = s.parent_id,
                           LATERAL (SELECT coalesce(s.spec, l.spec) AS spec) own
                     WHERE s.project_id = p.id AND s.state = 'waiting' AND s.kind NOT IN ('agent', 'swarm')
                       AND NOT (s.parent_id IS NULL AND s.spec ? 'for_each')
                       AND CASE s.kind
                           WHEN 'wait' THEN
                                (own.spec -> 'wait' ->> 'for' IS NOT NULL
                                 AND NOT EXISTS (SELECT 1 FROM projects_timer t WHERE t.step_id = s.id AND t.kind = 'wait'))
                                OR EXISTS (SELECT 1 FROM projects_signal g
                                            WHERE g.project_id = p.id AND g.taken_by_id IS NULL
                                              AND g.name = own.spec -> 'wait' ->> 'signal')
                           WHEN 'approval' THEN
                                NOT EXISTS (SELECT 1 FROM projects_approval a
                                             WHERE a.step_id = s.id AND a.purpose = 'step' AND a.state = 'open')
                           WHEN 'project' THEN
                                NOT EXISTS (SELECT 1 FROM projects_project c
                                             WHERE c.parent_step_id = s.id AND c.state IN ('pending', 'running'))
                           ELSE true END)
         OR (NOT EXISTS (SELECT 1 FROM projects_step s JOIN projects_phase f ON f.id = s.phase_id
                          WHERE s.project_id = p.id AND f.state = 'running'
                            AND s.state IN ('ready', 'running', 'waiting'))
             AND NOT EXISTS (SELECT 1 FROM projects_approval a WHERE a.project_id = p.id AND a.state = 'open'
                                                                       AND a.purpose <> 'plan'))
        ))
   )
 ORDER BY p.priority, p.id
 LIMIT %(limit)s;

-- name: followers
-- Pending projects that are to begin after others and whose turn it is, or never will be. "after" as for the neglected.
SELECT p.id, p.priority
  FROM projects_project p
 WHERE p.state = 'pending' AND p.directive = 'run' AND (p.priority, p.id) > (%(priority)s, %(after)s::uuid)
   AND p.start_asked_at IS NOT NULL
   AND (NOT EXISTS (SELECT 1 FROM projects_project_after a JOIN projects_project b ON b.id = a.to_project_id
                     WHERE a.from_project_id = p.id AND b.state <> 'completed')
        OR EXISTS (SELECT 1 FROM projects_project_after a JOIN projects_project b ON b.id = a.to_project_id
                    WHERE a.from_project_id = p.id AND b.state IN ('failed', 'cancelled')))
 ORDER BY p.priority, p.id
 LIMIT %(limit)s;

-- name: pace
SELECT seconds FROM projects_pace WHERE agent = %(agent)s;

-- name: note_paces
-- In the order of their names, so that two processes never wait for each other.
INSERT INTO projects_pace (agent, seconds, samples, updated_at)
SELECT given.agent, given.seconds, given.samples, clock_timestamp()
  FROM unnest(%(agents)s::text[], %(seconds)s::float8[], %(samples)s::bigint[]) AS given (agent, seconds, samples)
    ON CONFLICT (agent) DO UPDATE
   SET seconds = projects_pace.seconds + 0.3 * (excluded.seconds - projects_pace.seconds),
       samples = projects_pace.samples + excluded.samples, updated_at = excluded.updated_at;

-- name: lanes
-- Processes of a pool that have lately said that they live.
SELECT count(*) AS lanes FROM projects_worker
 WHERE pools @> %(pool)s::jsonb AND seen_at > clock_timestamp() - make_interval(secs => %(lease)s);

-- name: answered_proposals
-- Changes of a project's plan that wait for nobody any more: approved, rejected, or left behind by an end.
SELECT i.id
  FROM projects_intervention i LEFT JOIN projects_approval a ON a.id = i.approval_id
 WHERE i.project_id = %(project)s AND i.state = 'proposed' AND a.state IS DISTINCT FROM 'open'
 ORDER BY i.id;

-- name: all_answered_proposals
-- The same of all projects, for recovery.
SELECT i.id, i.project_id
  FROM projects_intervention i LEFT JOIN projects_approval a ON a.id = i.approval_id
 WHERE i.state = 'proposed' AND a.state IS DISTINCT FROM 'open'
 ORDER BY i.id
 LIMIT %(limit)s;
