-- Statements that write down how a project stands, and bring a phase back to how it stood.

-- name: mark
-- How projects stand, in one view of the database. What belongs together is put together by the caller: where the
-- server's statistics are old it would compare each row with each. A step that is ready has not begun, and counts as
-- pending. Of a search there is the number of its generation, and none of its items. "snapshot" and "transaction" say which events are held: an event with a lower number may be committed later
-- than one with a higher.
SELECT p.id, p.state, p.plan_version, p.variables::text AS variables,
       (SELECT coalesce(json_agg(json_build_array(f.key, f.state, f.round, f.base_round, f.comments, f.quality)
                                 ORDER BY f.position), '[]')
          FROM projects_phase f WHERE f.project_id = p.id)::text AS phases,
       (SELECT coalesce(json_agg(json_build_array(
                   s.id, s.parent_id, f.key, s.key, CASE s.state WHEN 'ready' THEN 'pending' ELSE s.state END,
                   s.attempt, s.on_failure,
                   CASE s.kind WHEN 'swarm' THEN
                        (SELECT w.generation FROM projects_swarmstate w WHERE w.step_id = s.id) END)
                   ORDER BY s.position), '[]')
          FROM projects_phase f JOIN projects_step s ON s.phase_id = f.id AND s.round = f.round
         WHERE f.project_id = p.id AND NOT (s.kind = 'swarm' AND s.parent_id IS NOT NULL))::text AS steps,
       (SELECT coalesce(json_agg(json_build_array(d.step_id, d.needs_id) ORDER BY d.id), '[]')
          FROM projects_phase f
          JOIN projects_step s ON s.phase_id = f.id AND s.round = f.round
          JOIN projects_dependency d ON d.step_id = s.id
         WHERE f.project_id = p.id)::text AS needs,
       (SELECT coalesce(json_agg(json_build_array(e.subject, e.data->'round', e.data->'result_sha256')
                                 ORDER BY e.id), '[]')
          FROM history_event e
         WHERE e.stream = p.id AND e.kind IN ('step.completed', 'step.carried') AND e.data ? 'result_sha256'
           AND (e.data->>'round')::int = ANY(ARRAY(SELECT f.round::int FROM projects_phase f
                                                    WHERE f.project_id = p.id))
       )::text AS digests,
       (SELECT coalesce(json_agg(json_build_array(f.key, a.id, a.state) ORDER BY a.opened_at), '[]')
          FROM projects_approval a JOIN projects_phase f ON f.id = a.phase_id
         WHERE a.project_id = p.id AND a.purpose IN ('gate', 'limit') AND a.state IN ('open', 'approved'))::text AS approvals,
       coalesce((SELECT max(e.id) FROM history_event e WHERE e.stream = p.id), 0) AS event,
       pg_current_xact_id_if_assigned()::text AS transaction,
       pg_current_snapshot()::text AS snapshot
  FROM projects_project p
 WHERE p.id = ANY(%(projects)s::uuid[]);

-- name: checkpoint
SELECT c.* FROM projects_checkpoint c WHERE c.project_id = %(project)s AND c.number = %(number)s;

-- name: keep_checkpoints
-- Numbered one after another: whoever takes one holds the project's row.
INSERT INTO projects_checkpoint
       (project_id, number, occasion, label, author, event, plan_version, sha256, size, encoding, content, taken_at)
SELECT given.project, coalesce((SELECT max(c.number) FROM projects_checkpoint c WHERE c.project_id = given.project), 0) + 1,
       %(occasion)s, %(label)s, %(author)s, given.event, given.plan_version, given.sha256, given.size, %(encoding)s,
       given.content, clock_timestamp()
  FROM unnest(%(projects)s::uuid[], %(events)s::bigint[], %(plan_versions)s::int[], %(sha256s)s::text[],
              %(sizes)s::int[], %(contents)s::bytea[])
       AS given (project, event, plan_version, sha256, size, content)
RETURNING id, project_id, number, taken_at;

-- name: transaction_end
-- The last event of a project that was written in one transaction with the given one: what was committed together
-- happened together. No row: the project has no such event.
SELECT (SELECT max(e.id) FROM history_event e
         WHERE e.transaction = given.transaction AND e.stream = %(project)s) AS event
  FROM history_event given
 WHERE given.id = %(event)s AND given.stream = %(project)s;

-- name: events_between
-- The events up to one that a checkpoint does not hold, in order.
SELECT kind, subject, data::text AS data
  FROM history_event
 WHERE stream = %(project)s AND id <= %(upto)s
   AND (id > %(event)s
        OR NOT (pg_visible_in_snapshot(transaction, %(snapshot)s::pg_snapshot)
                OR coalesce(transaction = %(transaction)s::xid8, false)))
 ORDER BY id;

-- name: use_of
-- What the attempts at some steps, or items of them, have used; each row of a step under the step's own key. A search
-- stands for all of its items.
SELECT given.step AS key, min(s.agent) AS agent, count(a.id) AS attempts,
       coalesce(sum(a.tokens_in), 0) AS tokens_in, coalesce(sum(a.tokens_out), 0) AS tokens_out,
       coalesce(sum(a.cost), 0) AS cost, bool_or(own.state = 'completed') AS completed
  FROM unnest(%(keys)s::text[], %(rounds)s::int[], %(steps)s::text[]) AS given (key, round, step)
  JOIN projects_step s ON s.project_id = %(project)s AND s.key = given.key AND s.round = given.round
  JOIN LATERAL (SELECT s.id, s.state
                 UNION ALL
                SELECT i.id, i.state FROM projects_step i
                 WHERE s.kind = 'swarm' AND s.parent_id IS NULL AND i.parent_id = s.id) own ON true
  JOIN projects_attempt a ON a.step_id = own.id
 GROUP BY given.step;

-- name: connect_steps
INSERT INTO projects_dependency (step_id, needs_id)
SELECT step, needs
  FROM unnest(%(steps)s::uuid[], %(needs)s::uuid[]) WITH ORDINALITY AS given (step, needs, place)
 ORDER BY place;

-- name: hold_project
-- Against everything, claims too, which hold FOR KEY SHARE until they are committed.
SELECT p.* FROM projects_project p WHERE p.id = %(project)s FOR UPDATE;

-- name: hold_phases
SELECT f.* FROM projects_phase f WHERE f.project_id = %(project)s ORDER BY f.position FOR UPDATE;

-- name: outcomes_of
-- How the rows stand in which steps were passed over or failed: unlike a result, an operator may take that back.
SELECT s.key, s.round, s.state
  FROM unnest(%(keys)s::text[], %(rounds)s::int[]) AS given (key, round)
  JOIN projects_step s ON s.project_id = %(project)s AND s.key = given.key AND s.round = given.round;

-- name: running_steps
SELECT s.key FROM projects_step s WHERE s.project_id = %(project)s AND s.state = 'running' ORDER BY s.key LIMIT 4;

-- name: approvals_of_phases
-- What is asked or approved of some phases; whether the plan is to be changed is no matter of a phase.
SELECT a.id, f.key AS phase, a.round, a.title, a.state, a.purpose, a.evidence_digest, s.key AS step
  FROM projects_approval a
  JOIN projects_phase f ON f.id = a.phase_id
  LEFT JOIN projects_step s ON s.id = a.step_id
 WHERE a.project_id = %(project)s AND f.key = ANY(%(phases)s) AND a.state IN ('open', 'approved') AND a.purpose <> 'plan'
 ORDER BY a.opened_at;

-- name: drop_timers_of_phases
DELETE FROM projects_timer t
 WHERE t.approval_id = ANY(%(approvals)s::uuid[])
    OR t.step_id IN (SELECT s.id FROM projects_step s WHERE s.phase_id = ANY(%(phases)s::uuid[]));

-- name: end_round
-- What had not ended of the phases that begin anew: a message that is still under way must find nothing to claim.
UPDATE projects_step
   SET state = 'cancelled', finished_at = clock_timestamp()
 WHERE phase_id = ANY(%(phases)s) AND state IN ('pending', 'ready', 'waiting');

-- name: turn_phases
-- The phases' new rounds. All are pending for a moment: that only one of a project is worked on is checked row by row.
UPDATE projects_phase f
   SET state = 'pending', finished_at = NULL, failure = '', round = given.round, base_round = given.base_round,
       comments = given.comments, quality = given.quality
  FROM unnest(%(ids)s::uuid[], %(rounds)s::int[], %(bases)s::int[], %(comments)s::jsonb[], %(quality)s::jsonb[])
       AS given (id, round, base_round, comments, quality)
 WHERE f.id = given.id;

-- name: settle_phases
UPDATE projects_phase f
   SET state = given.state,
       started_at = CASE WHEN given.state = 'pending' THEN NULL ELSE coalesce(f.started_at, clock_timestamp()) END,
       finished_at = CASE WHEN given.state = 'completed' THEN clock_timestamp() END
  FROM unnest(%(ids)s::uuid[], %(states)s::text[]) AS given (id, state)
 WHERE f.id = given.id;
