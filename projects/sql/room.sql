-- Room for guarded steps: budgets, concurrency keys, and those who stand aside until there is some. Times are the
-- database's. What is locked is locked in this order: project, phase, budgets by their numbers, concurrency key, step,
-- timer; whoever comes from the other side waits for nobody (SKIP LOCKED), or holds one row at a time.

-- name: guarded
-- A guarded step that wants to start. Project and phase are locked first, and then the budgets: whoever steers a
-- project or advances it holds these two before anything else, and a decision on a budget holds none of them.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.agent, s.attempt, s.concurrency_key, s.concurrency_limit,
       f.key AS phase, coalesce(s.spec, parent.spec) -> 'estimate' AS estimate
  FROM projects_step s
  JOIN projects_project p ON p.id = s.project_id
  JOIN projects_phase f ON f.id = s.phase_id
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.id = %(step)s AND s.guarded AND (s.state = 'ready') IS TRUE
   AND (p.state = 'running') IS TRUE AND p.directive = 'run'
   AND (s.available_at IS NULL OR s.available_at <= clock_timestamp())
   FOR KEY SHARE OF p, f;

-- name: wanting
-- The same without a lock, also of steps that wait: to say what they wait for, and whom to send next.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.agent, s.attempt, s.concurrency_key, s.concurrency_limit,
       f.key AS phase, coalesce(s.spec, parent.spec) -> 'estimate' AS estimate
  FROM projects_step s
  JOIN projects_phase f ON f.id = s.phase_id
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.id = ANY(%(steps)s::uuid[]) AND s.guarded AND (s.state = 'ready') IS TRUE;

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

-- name: left_for_attempt
-- What each budget with a hard limit that an attempt falls under has left for it: not spent, and not reserved by others.
SELECT b.measure,
       b.hard - b.spent - coalesce((
           SELECT sum(o.amount)
             FROM projects_step s JOIN projects_reservation o ON o.step_id = s.id AND o.attempt = s.attempt
            WHERE s.project_id = b.project_id AND s.state = 'running' AND o.budget_id = b.id AND o.used IS NULL
              AND s.id <> r.step_id), 0) AS amount
  FROM projects_reservation r JOIN projects_budget b ON b.id = r.budget_id
 WHERE r.step_id = %(step)s AND r.attempt = %(attempt)s AND r.used IS NULL AND b.hard IS NOT NULL;

-- name: lock_key
-- One claim, and one handing over, of a concurrency key at a time.
SELECT pg_advisory_xact_lock(hashtextextended('concurrency ' || %(key)s::text, 0));

-- name: line
-- How many steps of a key run, and how many others have been sent for with a place kept for them. The condition on the
-- empty key is that of the index.
SELECT (SELECT count(*) FROM projects_step s
         WHERE s.concurrency_key = %(key)s AND NOT (s.concurrency_key = '') AND s.lease_owner IS NOT NULL) AS running,
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
     WHERE id = %(step)s AND (state = 'ready') IS TRUE
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
     WHERE s.id = %(step)s AND (s.state = 'ready') IS TRUE AND s.available_at IS NOT NULL
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
-- A timer was due and there is still no room.
WITH later AS (
    UPDATE projects_timer SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE step_id = %(step)s AND kind = 'room'
 RETURNING step_id, due_at
)
UPDATE projects_step s SET available_at = later.due_at, published_at = NULL
  FROM later WHERE s.id = later.step_id AND s.state = 'ready';

-- name: let_go
-- A step that stands aside may be claimed, and is to be sent, like any other. The project is held first, as a claim
-- holds it: the end of a pause moves the timers before the steps, and would meet us half-way.
WITH held AS MATERIALIZED (
    SELECT p.id FROM projects_project p WHERE p.id = %(project)s FOR KEY SHARE
), gone AS (
    UPDATE projects_step s SET available_at = NULL, published_at = NULL
      FROM held
     WHERE s.project_id = held.id AND s.id = %(step)s AND (s.state = 'ready') IS TRUE
 RETURNING s.id
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
-- "waits" is false of those that were sent for and are not back. The clock of a project that is held stands still.
-- Which of them is a matter of who has been due for longest: of thousands the first are due again before the last were
-- looked at. Whose turn it is among these goes by priority, as always.
WITH due AS MATERIALIZED (
    SELECT t.id, t.step_id, s.available_at IS NOT NULL AS waits, p.priority
      FROM projects_timer t
      JOIN projects_step s ON s.id = t.step_id
      JOIN projects_project p ON p.id = t.project_id
     WHERE t.kind = 'room' AND t.due_at <= clock_timestamp() AND p.state = 'running' AND p.directive = 'run'
     ORDER BY t.due_at
     LIMIT %(limit)s
       FOR NO KEY UPDATE OF s, t SKIP LOCKED
)
SELECT step_id, waits FROM due ORDER BY priority, id;

-- name: hold_budgets
-- The budgets of several attempts that are to be settled in one transaction, locked in the order of their numbers.
SELECT b.id FROM projects_budget b
 WHERE b.id IN (SELECT r.budget_id FROM projects_reservation r WHERE r.step_id = ANY(%(steps)s::uuid[]) AND r.used IS NULL)
 ORDER BY b.id
   FOR NO KEY UPDATE;

-- name: hold_budgets_if_free
-- The same, but for those that somebody else holds: the attempts that are to be settled against one of these.
WITH wanted AS (
    SELECT r.step_id, r.budget_id FROM projects_reservation r
     WHERE r.step_id = ANY(%(steps)s::uuid[]) AND r.used IS NULL
), held AS MATERIALIZED (
    SELECT b.id FROM projects_budget b
     WHERE b.id IN (SELECT budget_id FROM wanted)
     ORDER BY b.id
       FOR NO KEY UPDATE SKIP LOCKED
)
SELECT DISTINCT w.step_id AS id FROM wanted w WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.id = w.budget_id);

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
