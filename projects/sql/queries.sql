-- Statements of the engine's hot path. Tables and columns are those of the models; times are the database's.
-- Every statement that moves a step matches the state it moves from, and, once claimed, the attempt number, which is
-- the fencing token of the lease: a worker that lost its lease changes nothing.

-- name: claim
-- Take one ready step, if its project runs. FOR KEY SHARE on the project closes the race with a pause: see
-- ProjectQuerySet.lock_for_control. No row: somebody else has it, it waits for its retry, or the project is held.
WITH allowed AS (
    SELECT p.id
      FROM projects_project p
      JOIN projects_step s ON s.project_id = p.id
     WHERE s.id = %(step)s AND p.state = 'running' AND p.directive = 'run'
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
     WHERE s.project_id = allowed.id AND s.id = %(step)s AND s.state = 'ready' AND s.guarded = %(guarded)s
       AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
 RETURNING s.*
), attempted AS (
    INSERT INTO projects_attempt (step_id, number, worker, outcome, tokens_in, tokens_out, cost, started_at)
    SELECT id, attempt, %(worker)s, 'running', 0, 0, 0, clock_timestamp() FROM claimed
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.started', %(actor)s, key, jsonb_build_object('attempt', attempt, 'round', round)
      FROM claimed
)
SELECT c.id, c.project_id, c.phase_id, c.key, c.round, c.position, c.parent_id, c.item, c.agent, c.attempt,
       c.failures, c.timeout_seconds, c.guarded, coalesce(c.spec, parent.spec) AS spec
  FROM claimed c LEFT JOIN projects_step parent ON parent.id = c.parent_id;

-- name: complete
-- Commit a result where the attempt is still ours, note it, and in the same commit either claim the next step of the
-- leg or make ready the first step of the next leg. "landed" is false where the lease was lost: nothing was written.
WITH done AS (
    UPDATE projects_step
       SET state = 'completed', result = %(result)s::jsonb, result_blob_id = %(blob)s, error = NULL, finished_at = clock_timestamp(),
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
     WHERE id = %(step)s AND state = 'running' AND attempt = %(attempt)s
 RETURNING id, project_id, key, round, attempt
), ended AS (
    UPDATE projects_attempt a
       SET outcome = 'completed', finished_at = clock_timestamp(),
           tokens_in = %(tokens_in)s, tokens_out = %(tokens_out)s, cost = %(cost)s
      FROM done WHERE a.step_id = done.id AND a.number = done.attempt
), handed_over AS (
    UPDATE projects_step s
       SET state = 'ready', published_at = clock_timestamp()
      FROM done
     WHERE s.id = %(hand_over)s AND s.state = 'pending'
), allowed AS (
    SELECT p.id FROM projects_project p JOIN done ON done.project_id = p.id
     WHERE %(next)s::uuid IS NOT NULL AND p.state = 'running' AND p.directive = 'run'
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
     WHERE s.id = %(next)s AND s.state IN ('pending', 'ready') AND NOT s.guarded
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
        SELECT 1 AS place, project_id, 'step.completed' AS kind, key,
               jsonb_build_object('attempt', attempt, 'round', round, 'result_sha256', %(digest)s::text) AS data
          FROM done
        UNION ALL
        SELECT 2, project_id, 'step.started', key, jsonb_build_object('attempt', attempt, 'round', round)
          FROM claimed
      ) both_events
     ORDER BY place
)
SELECT done.id IS NOT NULL AS landed, c.id, c.project_id, c.phase_id, c.key, c.round, c.position, c.parent_id,
       c.item, c.agent, c.attempt, c.failures, c.timeout_seconds, c.guarded, coalesce(c.spec, parent.spec) AS spec
  FROM (SELECT 1) one
  LEFT JOIN done ON true
  LEFT JOIN claimed c ON true
  LEFT JOIN projects_step parent ON parent.id = c.parent_id;

-- name: put_back
-- A step that is to be tried again: after an error, a timeout, a lost worker or a worker that hands it back.
WITH put AS (
    UPDATE projects_step
       SET state = 'ready', error = %(error)s::jsonb,
           available_at = clock_timestamp() + make_interval(secs => %(delay)s),
           published_at = CASE WHEN %(published)s THEN clock_timestamp() END,
           failures = failures + %(failures)s, crashes = crashes + %(crashes)s,
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
     WHERE id = %(step)s AND state = 'running' AND attempt = %(attempt)s
 RETURNING id, project_id, key, round, attempt, available_at
), ended AS (
    UPDATE projects_attempt a
       SET outcome = %(outcome)s, error = %(error)s::jsonb, finished_at = clock_timestamp()
      FROM put WHERE a.step_id = put.id AND a.number = put.attempt
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, %(kind)s, %(actor)s, key,
           jsonb_build_object('attempt', attempt, 'round', round, 'error', %(error)s::jsonb,
                              'again_at', available_at)
      FROM put
)
SELECT project_id FROM put;

-- name: give_up
-- A step that failed for good.
WITH given_up AS (
    UPDATE projects_step
       SET state = 'failed', error = %(error)s::jsonb, finished_at = clock_timestamp(),
           failures = failures + %(failures)s, crashes = crashes + %(crashes)s,
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
     WHERE id = %(step)s AND state = 'running' AND attempt = %(attempt)s
 RETURNING id, project_id, key, round, attempt
), ended AS (
    UPDATE projects_attempt a
       SET outcome = %(outcome)s, error = %(error)s::jsonb, finished_at = clock_timestamp()
      FROM given_up WHERE a.step_id = given_up.id AND a.number = given_up.attempt
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.failed', %(actor)s, key,
           jsonb_build_object('attempt', attempt, 'round', round, 'error', %(error)s::jsonb)
      FROM given_up
)
SELECT project_id FROM given_up;

-- name: cancel_attempt
-- The end of an attempt whose project was cancelled: the step is over, whatever the agent returned.
WITH cancelled AS (
    UPDATE projects_step
       SET state = 'cancelled', finished_at = clock_timestamp(),
           lease_owner = NULL, lease_until = NULL, timeout_at = NULL
     WHERE id = %(step)s AND state = 'running' AND attempt = %(attempt)s
 RETURNING id, project_id, key, round, attempt
), ended AS (
    UPDATE projects_attempt a SET outcome = 'cancelled', finished_at = clock_timestamp()
      FROM cancelled WHERE a.step_id = cancelled.id AND a.number = cancelled.attempt
), noted AS (
    INSERT INTO history_event (stream, kind, actor, subject, data)
    SELECT project_id, 'step.cancelled', %(actor)s, key, jsonb_build_object('attempt', attempt, 'round', round)
      FROM cancelled
)
SELECT project_id FROM cancelled;

-- name: renew
-- One heartbeat of a worker process: all its leases at once. What does not come back was taken from it. The timeout
-- of an attempt is not moved: a lease says that the worker lives, not that the agent is in time.
UPDATE projects_step s
   SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
  FROM projects_project p
 WHERE p.id = s.project_id AND s.lease_owner = %(worker)s AND s.state = 'running' AND s.id = ANY(%(steps)s)
RETURNING s.id, s.attempt, p.directive = 'cancel' AS cancelled;

-- name: silent
-- Steps whose worker fell silent, or whose attempt has taken so long that its worker can no longer be trusted to stop
-- it. SKIP LOCKED: a step that is being committed at this moment is alive, and two recoveries share the work.
SELECT s.id, s.project_id, s.attempt, s.crashes, s.failures, s.lease_until <= clock_timestamp() AS lost,
       coalesce(s.spec, parent.spec) AS spec, p.directive
  FROM projects_step s
  JOIN projects_project p ON p.id = s.project_id
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.state = 'running'
   AND (s.lease_until <= clock_timestamp()
        OR s.timeout_at <= clock_timestamp() - make_interval(secs => %(grace)s))
 ORDER BY s.lease_until
 LIMIT %(limit)s
   FOR UPDATE OF s SKIP LOCKED;

-- name: unpublish
-- Ready steps whose message is older than the bound: taken for lost, to be sent again.
UPDATE projects_step
   SET published_at = NULL
 WHERE id IN (
    SELECT s.id FROM projects_step s
     WHERE s.state = 'ready' AND s.published_at IS NOT NULL
       AND greatest(s.published_at, s.available_at) <= clock_timestamp() - make_interval(secs => %(bound)s)
     LIMIT %(limit)s FOR UPDATE SKIP LOCKED
 )
RETURNING project_id;

-- name: neglected
-- Running projects that would move if somebody looked: something is ready and was not sent, everything a pending step
-- or a for_each waits for is over, or nothing is in flight at all. The last covers what no rule foresaw.
SELECT p.id
  FROM projects_project p
 WHERE p.state = 'running' AND p.directive <> 'pause'
   AND (
        p.directive = 'cancel'
     OR EXISTS (SELECT 1 FROM projects_step s
                 WHERE s.project_id = p.id AND s.state = 'ready' AND s.published_at IS NULL
                   AND (s.available_at IS NULL OR s.available_at <= clock_timestamp()))
     OR EXISTS (SELECT 1 FROM projects_step s JOIN projects_phase f ON f.id = s.phase_id
                 WHERE s.project_id = p.id AND s.state = 'pending' AND f.state = 'running' AND s.round = f.round
                   AND NOT EXISTS (SELECT 1 FROM projects_dependency d JOIN projects_step n ON n.id = d.needs_id
                                    WHERE d.step_id = s.id
                                      AND n.state IN ('pending', 'ready', 'running', 'waiting')))
     OR EXISTS (SELECT 1 FROM projects_step s
                 WHERE s.project_id = p.id AND s.state = 'waiting'
                   AND NOT EXISTS (SELECT 1 FROM projects_step i
                                    WHERE i.parent_id = s.id AND i.state IN ('ready', 'running')))
     OR (NOT EXISTS (SELECT 1 FROM projects_step s JOIN projects_phase f ON f.id = s.phase_id
                      WHERE s.project_id = p.id AND f.state = 'running'
                        AND s.state IN ('ready', 'running', 'waiting'))
         AND NOT EXISTS (SELECT 1 FROM projects_approval a WHERE a.project_id = p.id AND a.state = 'open'))
   )
 ORDER BY p.priority, p.id
 LIMIT %(limit)s;

-- name: guarded
-- A guarded step that wants to start. Project and phase are locked first, and then the budgets: whoever steers a
-- project or advances it holds these two before anything else, and a decision on a budget holds none of them.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.agent, s.attempt, s.concurrency_key, s.concurrency_limit,
       f.key AS phase, coalesce(s.spec, parent.spec) -> 'estimate' AS estimate
  FROM projects_step s
  JOIN projects_project p ON p.id = s.project_id
  JOIN projects_phase f ON f.id = s.phase_id
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.id = %(step)s AND s.guarded AND s.state = 'ready' AND p.state = 'running' AND p.directive = 'run'
   AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
   FOR KEY SHARE OF p, f;

-- name: wanting
-- The same without a lock, also of steps that wait: to say what they wait for, and whom to send next.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.agent, s.attempt, s.concurrency_key, s.concurrency_limit,
       f.key AS phase, coalesce(s.spec, parent.spec) -> 'estimate' AS estimate
  FROM projects_step s
  JOIN projects_phase f ON f.id = s.phase_id
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.id = ANY(%(steps)s) AND s.guarded AND s.state = 'ready';

-- name: budgets
-- The budgets that a step falls under.
SELECT id, scope, name, measure, soft, hard, spent, raise_by
  FROM projects_budget
 WHERE project_id = %(project)s
   AND (scope = 'project' OR (scope = 'phase' AND name = %(phase)s) OR (scope = 'agent' AND name = %(agent)s))
 ORDER BY id;

-- name: budgets_locked
-- The same, locked in the order of their numbers, so that two claims never wait for one another.
SELECT id, scope, name, measure, soft, hard, spent, raise_by
  FROM projects_budget
 WHERE project_id = %(project)s
   AND (scope = 'project' OR (scope = 'phase' AND name = %(phase)s) OR (scope = 'agent' AND name = %(agent)s))
 ORDER BY id
   FOR NO KEY UPDATE;

-- name: reserved
-- What attempts that run have reserved of a project's budgets. It goes from the running steps, which are few, and
-- counts the attempt that runs: what a dead worker had reserved counts no more once its step was taken back.
SELECT r.budget_id, sum(r.amount) AS amount
  FROM projects_step s
  JOIN projects_reservation r ON r.step_id = s.id AND r.attempt = s.attempt AND r.used IS NULL
 WHERE s.project_id = %(project)s AND s.state = 'running'
 GROUP BY r.budget_id;

-- name: lock_key
-- One claim, and one handing over, of a concurrency key at a time.
SELECT pg_advisory_xact_lock(hashtextextended('concurrency ' || %(key)s, 0));

-- name: line
-- How many steps of a key run, and how many others have been sent for with a place kept for them. The condition on the
-- empty key is that of the index.
SELECT (SELECT count(*) FROM projects_step s
         WHERE s.concurrency_key = %(key)s AND NOT (s.concurrency_key = '') AND s.state = 'running') AS running,
       (SELECT count(*) FROM projects_timer t
          JOIN projects_step s ON s.id = t.step_id
          JOIN projects_project p ON p.id = s.project_id
         WHERE t.kind = 'room' AND t.due_at > clock_timestamp()
           AND s.concurrency_key = %(key)s AND s.state = 'ready' AND s.available_at IS NULL
           AND s.id IS DISTINCT FROM %(but)s::uuid
           AND p.state = 'running' AND p.directive = 'run') AS promised;

-- name: reserve
-- What the attempt may use, of each budget that it falls under.
INSERT INTO projects_reservation (budget_id, step_id, attempt, amount)
SELECT budget, %(step)s, %(attempt)s, amount
  FROM unnest(%(budgets)s::bigint[], %(amounts)s::numeric[]) AS given (budget, amount);

-- name: stand_aside
-- A step for which there is no room: not to be claimed before somebody sends for it, or the timer is due. A step that
-- stood aside before keeps its place. With the timer, a moment in "available_at" says that it stands aside, and none
-- that it was sent for.
WITH aside AS (
    UPDATE projects_step
       SET published_at = NULL, available_at = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE id = %(step)s AND state = 'ready'
 RETURNING id, project_id, available_at
)
INSERT INTO projects_timer (project_id, kind, step_id, due_at, created_at)
SELECT project_id, 'room', id, available_at, clock_timestamp() FROM aside
    ON CONFLICT (step_id, kind) WHERE step_id IS NOT NULL DO UPDATE SET due_at = EXCLUDED.due_at
RETURNING step_id;

-- name: send_for
-- Send for a step that stands aside; until the timer is due its place is kept. No row: it is over, or was sent for, or
-- somebody is changing it at this moment, for whom nobody waits who may hold other steps already.
WITH free AS (
    SELECT s.id FROM projects_step s JOIN projects_timer t ON t.step_id = s.id AND t.kind = 'room'
     WHERE s.id = %(step)s AND s.state = 'ready' AND s.available_at IS NOT NULL
       FOR NO KEY UPDATE OF s, t SKIP LOCKED
), sent AS (
    UPDATE projects_step s
       SET available_at = NULL, published_at = clock_timestamp()
      FROM free WHERE s.id = free.id
 RETURNING s.id
)
UPDATE projects_timer t SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM sent WHERE t.step_id = sent.id AND t.kind = 'room'
RETURNING t.step_id;

-- name: postpone
-- A timer was due and there is still no room. The clock of a step whose project is held stands still.
WITH later AS (
    UPDATE projects_timer SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE step_id = %(step)s AND kind = 'room'
 RETURNING step_id, due_at
)
UPDATE projects_step s SET available_at = later.due_at, published_at = NULL
  FROM later WHERE s.id = later.step_id AND s.state = 'ready' AND %(going)s;

-- name: let_go
-- A step that stands aside may be claimed, and is to be sent, like any other.
WITH gone AS (
    UPDATE projects_step SET available_at = NULL, published_at = NULL
     WHERE id = %(step)s AND state = 'ready'
 RETURNING id
)
DELETE FROM projects_timer t USING gone WHERE t.step_id = gone.id AND t.kind = 'room';

-- name: standing_aside
-- Steps that stand aside, of a key or of a project, in the order in which they are served: the projects' priority, and
-- then who has waited longest.
SELECT s.id, s.project_id, s.concurrency_limit
  FROM projects_timer t
  JOIN projects_step s ON s.id = t.step_id
  JOIN projects_project p ON p.id = s.project_id
 WHERE t.kind = 'room' AND s.state = 'ready' AND s.available_at IS NOT NULL
   AND p.state = 'running' AND p.directive = 'run'
   AND (%(key)s::text IS NULL OR s.concurrency_key = %(key)s)
   AND (%(project)s::uuid IS NULL OR s.project_id = %(project)s)
 ORDER BY p.priority, t.id
 LIMIT %(limit)s;

-- name: due_for_room
-- Timers of steps that stood aside, when they are due, locked with their steps: a claim holds the step before the timer.
-- "waits" is false of those that were sent for and are not back.
SELECT t.step_id, s.available_at IS NOT NULL AS waits, p.state = 'running' AND p.directive = 'run' AS going
  FROM projects_timer t
  JOIN projects_step s ON s.id = t.step_id
  JOIN projects_project p ON p.id = t.project_id
 WHERE t.kind = 'room' AND t.due_at <= clock_timestamp()
 ORDER BY p.priority, t.id
 LIMIT %(limit)s
   FOR NO KEY UPDATE OF s, t SKIP LOCKED;

-- name: hold_budgets
-- The budgets of several attempts that are to be settled in one transaction, locked in the order of their numbers.
SELECT b.id FROM projects_budget b
 WHERE b.id IN (SELECT r.budget_id FROM projects_reservation r WHERE r.step_id = ANY(%(steps)s) AND r.used IS NULL)
 ORDER BY b.id
   FOR NO KEY UPDATE;

-- name: settle
-- Book what an attempt used, once: of each of its reservations that has not been settled. What is not known (null) is
-- taken to be what was reserved, the time to be what has passed. Budgets are locked in the order of their numbers.
WITH open AS MATERIALIZED (
    SELECT r.id, r.budget_id, b.measure, r.amount
      FROM projects_budget b
      JOIN projects_reservation r ON r.budget_id = b.id
     WHERE r.step_id = %(step)s AND r.attempt = %(attempt)s AND r.used IS NULL
     ORDER BY b.id
       FOR NO KEY UPDATE OF b
), booked AS (
    UPDATE projects_reservation r
       SET used = CASE open.measure
                    WHEN 'tokens' THEN coalesce(%(tokens)s::numeric, r.amount)
                    WHEN 'cost' THEN coalesce(%(cost)s::numeric, r.amount)
                    WHEN 'launches' THEN 1
                    ELSE coalesce(%(seconds)s::numeric, (
                        SELECT round(greatest(extract(epoch FROM clock_timestamp() - a.started_at), 0), 6)
                          FROM projects_attempt a WHERE a.step_id = r.step_id AND a.number = r.attempt), r.amount)
                  END
      FROM open
     WHERE r.id = open.id AND r.used IS NULL
 RETURNING r.budget_id, r.used
)
UPDATE projects_budget b SET spent = least(b.spent + booked.used, 99999999999999)
  FROM booked WHERE b.id = booked.budget_id
RETURNING b.id;
