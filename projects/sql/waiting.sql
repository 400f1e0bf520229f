-- Timers, and what steps wait for that no worker does. Times are the database's.
-- The clock of a project stands still while it is paused: what is set meanwhile counts from the moment of the pause,
-- so that the length of the pause, which is added when it ends, is right for it too.

-- name: set_step_timer
-- A step's timer, or another moment for the one it has.
INSERT INTO projects_timer (project_id, kind, step_id, due_at, created_at)
SELECT p.id, %(kind)s, %(step)s,
       CASE WHEN p.directive = 'pause' THEN p.directive_since ELSE clock_timestamp() END
           + make_interval(secs => %(seconds)s),
       clock_timestamp()
  FROM projects_project p
 WHERE p.id = %(project)s
    ON CONFLICT (step_id, kind) WHERE step_id IS NOT NULL DO UPDATE SET due_at = EXCLUDED.due_at
RETURNING due_at;

-- name: agree_approvals
-- A timer for every open approval with a deadline, due when it is. The deadline is what people are shown, the timer
-- what fires. Those that agree are not locked. Without an id: of all approvals, which mends what somebody else wrote.
INSERT INTO projects_timer (project_id, kind, approval_id, due_at, created_at)
SELECT a.project_id, 'approval', a.id, a.deadline, clock_timestamp()
  FROM projects_approval a
  LEFT JOIN projects_timer t ON t.approval_id = a.id
 WHERE a.state = 'open' AND a.deadline IS NOT NULL AND (t.id IS NULL OR t.due_at <> a.deadline)
   AND (%(approval)s::uuid IS NULL OR a.id = %(approval)s)
    ON CONFLICT (approval_id) WHERE approval_id IS NOT NULL DO UPDATE SET due_at = EXCLUDED.due_at;

-- name: drop_closed
-- The timer of an approval that is closed or has no deadline any more. SKIP LOCKED for the reason given at drop_timers.
DELETE FROM projects_timer
 WHERE id IN (
    SELECT t.id FROM projects_timer t JOIN projects_approval a ON a.id = t.approval_id
     WHERE a.id = %(approval)s AND (a.state <> 'open' OR a.deadline IS NULL)
       FOR UPDATE OF t SKIP LOCKED
 );

-- name: agree_projects
-- The same for the deadlines of live projects. Without an id only for those to come: of one that has passed the timer
-- has fired, and it fires once.
INSERT INTO projects_timer (project_id, kind, due_at, created_at)
SELECT p.id, 'project', p.deadline, clock_timestamp()
  FROM projects_project p
  LEFT JOIN projects_timer t ON t.project_id = p.id AND t.kind = 'project'
 WHERE p.state IN ('pending', 'running') AND p.deadline IS NOT NULL AND (t.id IS NULL OR t.due_at <> p.deadline)
   AND (p.id = %(project)s OR (%(project)s::uuid IS NULL AND p.directive = 'run' AND p.deadline > clock_timestamp()))
    ON CONFLICT (project_id) WHERE kind = 'project' DO UPDATE SET due_at = EXCLUDED.due_at;

-- name: drop_timers
-- Timers that nobody waits for any more. One that fires at this moment is left to whoever fires it: that transaction
-- waits for the approval which this one may have locked, so that waiting for it here would be a deadlock.
DELETE FROM projects_timer
 WHERE id IN (
    SELECT t.id FROM projects_timer t
     WHERE t.project_id = %(project)s
       AND (%(kind)s::text IS NULL OR t.kind = %(kind)s)
       AND (%(step)s::uuid IS NULL OR t.step_id = %(step)s)
       FOR UPDATE SKIP LOCKED
 );

-- name: forget_timers
-- Timers of projects that are over, left behind where the end of a project met their firing.
DELETE FROM projects_timer
 WHERE id IN (
    SELECT t.id FROM projects_timer t JOIN projects_project p ON p.id = t.project_id
     WHERE p.state NOT IN ('pending', 'running')
     LIMIT %(limit)s FOR UPDATE OF t SKIP LOCKED
 );

-- name: fire_waking
-- Take the due timers of running projects that only have somebody look. KEY SHARE on the project, as a claim takes it:
-- a pause waits for us, and what it has begun to hold is skipped.
DELETE FROM projects_timer
 WHERE id IN (
    SELECT t.id FROM projects_timer t JOIN projects_project p ON p.id = t.project_id
     WHERE t.due_at <= clock_timestamp() AND t.kind IN ('wait', 'retry')
       AND p.state = 'running' AND p.directive = 'run'
     ORDER BY t.due_at
     LIMIT %(limit)s
       FOR UPDATE OF t SKIP LOCKED
       FOR KEY SHARE OF p SKIP LOCKED
 )
RETURNING project_id;

-- name: send_for_held
-- Steps that wait for an agent, of those that now can take them: their next look is due at once. Whoever holds a row is
-- changing it, and nobody waits for that.
WITH due AS (
    SELECT t.id AS timer, s.id AS step
      FROM projects_timer t
      JOIN projects_project p ON p.id = t.project_id
      JOIN projects_step s ON s.id = t.step_id
      LEFT JOIN projects_step l ON l.id = s.parent_id
     WHERE t.kind = 'retry' AND t.due_at > clock_timestamp() AND p.state = 'running' AND p.directive = 'run'
       AND s.state = 'ready' AND s.error ->> 'code' = 'no_agent_now'
       AND (s.agent = ANY(%(names)s::text[])
            OR (s.agent = '' AND coalesce(s.spec, l.spec) ->> 'capability' = ANY(%(capabilities)s::text[])))
     ORDER BY p.priority, t.id
     LIMIT %(limit)s
       FOR NO KEY UPDATE OF s, t SKIP LOCKED
       FOR KEY SHARE OF p SKIP LOCKED
), sent AS (
    UPDATE projects_step s SET available_at = clock_timestamp() FROM due WHERE s.id = due.step
)
UPDATE projects_timer t SET due_at = clock_timestamp() FROM due WHERE t.id = due.timer
RETURNING t.step_id;

-- name: due_deadlines
-- Due timers at which something is decided, each of which is fired by itself: so many of steps, and beside them so many
-- of approvals and projects. What has been due for a minute could not be fired when its turn came (a step waits for a
-- worker that is busy, or something is broken): it comes after what is due now, and each time in another order, so that
-- it stands before nothing for ever. It is not put off, because the limits of a step count from when its timers are due.
SELECT id, kind, project_id, step_id
  FROM (
    SELECT t.id, t.kind, t.project_id, t.step_id, t.due_at,
           row_number() OVER (
               PARTITION BY t.step_id IS NULL
               ORDER BY CASE WHEN t.due_at > clock_timestamp() - interval '1 minute' THEN t.due_at END, random()
           ) AS place
      FROM projects_timer t JOIN projects_project p ON p.id = t.project_id
     WHERE t.due_at <= clock_timestamp() AND t.kind IN ('approval', 'project', 'start', 'close')
       AND p.directive = 'run' AND (p.state = 'running' OR (p.state = 'pending' AND t.kind = 'project'))
  ) due
 WHERE place <= %(limit)s
 ORDER BY due_at;

-- name: take_deadline
-- One of them, for the rest of this transaction. No row: somebody else fires it, it has moved, or the project is held.
SELECT t.id, t.approval_id, t.step_id
  FROM projects_timer t JOIN projects_project p ON p.id = t.project_id
 WHERE t.id = %(timer)s AND t.due_at <= clock_timestamp()
   AND p.directive = 'run' AND (p.state = 'running' OR (p.state = 'pending' AND t.kind = 'project'))
   FOR UPDATE OF t SKIP LOCKED
   FOR KEY SHARE OF p SKIP LOCKED;

-- name: begin_clocks
-- The timers of steps that say how long they may wait for somebody to begin them, and how long they may take with all
-- their attempts. Of steps that were begun before only where the clocks begin anew.
INSERT INTO projects_timer (project_id, kind, step_id, due_at, created_at)
SELECT p.id, k.kind, s.id,
       CASE WHEN p.directive = 'pause' THEN p.directive_since ELSE clock_timestamp() END
           + make_interval(secs => k.seconds),
       clock_timestamp()
  FROM projects_step s
  JOIN projects_project p ON p.id = s.project_id
  LEFT JOIN projects_step l ON l.id = s.parent_id
 CROSS JOIN LATERAL (SELECT coalesce(s.spec, l.spec) -> 'timeouts' AS said) t
 CROSS JOIN LATERAL (VALUES ('start', (t.said ->> 'schedule_to_start')::float8),
                            ('close', (t.said ->> 'schedule_to_close')::float8)) k (kind, seconds)
 WHERE s.id = ANY(%(steps)s::uuid[]) AND k.seconds IS NOT NULL AND (%(anew)s OR s.attempt = 0)
    ON CONFLICT (step_id, kind) WHERE step_id IS NOT NULL
    DO UPDATE SET due_at = CASE WHEN %(anew)s THEN EXCLUDED.due_at ELSE projects_timer.due_at END;

-- name: clocks
-- The moments at which the times of a step are over, as seconds, and now; the clocks stand still in a pause.
SELECT extract(epoch FROM CASE WHEN p.directive = 'pause' THEN p.directive_since ELSE clock_timestamp() END)::float8
           AS now,
       s.error ->> 'message' AS last,
       (SELECT extract(epoch FROM t.due_at)::float8 FROM projects_timer t
         WHERE t.step_id = s.id AND t.kind = 'start') AS start,
       (SELECT extract(epoch FROM t.due_at)::float8 FROM projects_timer t
         WHERE t.step_id = s.id AND t.kind = 'close') AS close
  FROM projects_step s JOIN projects_project p ON p.id = s.project_id
 WHERE s.id = %(step)s;

-- part: stands_in
-- Whether the attempt of a step (s) at which its timer (t) finds it has nothing left to do but to ask the step's
-- fallback: it began when the time was over, or after an attempt that was given up for the fallback's sake. What was
-- lost or handed back meanwhile says nothing.
(EXISTS (SELECT 1 FROM projects_attempt a
          WHERE a.step_id = s.id AND a.number = s.attempt AND a.started_at >= t.due_at)
 OR (SELECT coalesce(e.error ? 'given_up', false) FROM projects_attempt e
      WHERE e.step_id = s.id AND e.number < s.attempt AND e.outcome NOT IN ('held', 'lost', 'handed_back', 'running')
      ORDER BY e.number DESC LIMIT 1) IS TRUE)

-- name: lock_overdue
-- A step whose timer was due, locked before the timer is, as everybody does. No row: somebody works on it right now.
-- "begun" says that somebody was chosen to do the attempt that runs, or that it runs for longer than choosing takes.
SELECT s.id, s.project_id, s.phase_id, s.key, s.round, s.position, s.parent_id, s.item, s.agent, s.attempt,
       s.failures, s.timeout_seconds, s.guarded, coalesce(s.spec, l.spec) AS spec,
       s.state, s.pool, s.error ->> 'message' AS error,
       s.available_at IS NULL AND s.published_at > clock_timestamp() - interval '5 seconds' AS sent,
       EXISTS (SELECT 1 FROM projects_attempt a
                WHERE a.step_id = s.id AND a.number = s.attempt
                  AND (a.performer <> '' OR a.started_at < clock_timestamp() - interval '5 seconds')) AS begun,
-- include: stands_in
       AS stands_in
  FROM projects_step s
  JOIN projects_timer t ON t.id = %(timer)s AND t.step_id = s.id
  LEFT JOIN projects_step l ON l.id = s.parent_id
 WHERE s.id = %(step)s
   FOR UPDATE OF s SKIP LOCKED;

-- name: due_soon
-- In how many seconds each of the next timers is due.
SELECT extract(epoch FROM t.due_at - clock_timestamp())::float8 AS seconds
  FROM projects_timer t JOIN projects_project p ON p.id = t.project_id
 WHERE t.due_at > clock_timestamp() AND t.due_at <= clock_timestamp() + make_interval(secs => %(within)s)
   AND p.directive = 'run' AND p.state IN ('pending', 'running')
 ORDER BY t.due_at
 LIMIT %(limit)s;

-- name: send_signal
-- A signal of a project that is not over, at the database's time. No row: the project has ended meanwhile.
INSERT INTO projects_signal (project_id, name, payload, key, sender, sent_at)
SELECT p.id, %(name)s, %(payload)s::jsonb, %(key)s, %(sender)s, clock_timestamp()
  FROM projects_project p
 WHERE p.id = %(project)s AND (p.state IN ('pending', 'running')) IS TRUE AND p.directive <> 'cancel'
RETURNING id;

-- name: hold_still
-- Whether a project runs, and keep it so until this transaction ends: a pause or cancel waits for us. No row where one
-- is under way, which we must not wait for: it may wait for the phase that we have locked.
SELECT p.id FROM projects_project p
 WHERE p.id = %(project)s AND (p.state = 'running') IS TRUE AND p.directive = 'run'
   FOR KEY SHARE SKIP LOCKED;

-- name: running_in_tree
-- How many steps run in a project and in the live projects below it.
WITH RECURSIVE tree AS (
    SELECT p.id FROM projects_project p WHERE p.id = %(project)s
     UNION ALL
    SELECT c.id
      FROM tree
      JOIN projects_step s ON s.project_id = tree.id AND s.kind = 'project'
      JOIN projects_project c ON c.parent_step_id = s.id AND c.state = 'running'
)
SELECT count(*)::int AS steps FROM projects_step s JOIN tree ON tree.id = s.project_id WHERE s.state = 'running';

-- name: ancestors
-- The projects above a project, the nearest first: each was started by a step of the next.
WITH RECURSIVE above AS (
    SELECT s.project_id AS id, 1 AS height
      FROM projects_project p JOIN projects_step s ON s.id = p.parent_step_id WHERE p.id = %(project)s
     UNION ALL
    SELECT s.project_id, above.height + 1
      FROM above JOIN projects_project p ON p.id = above.id JOIN projects_step s ON s.id = p.parent_step_id
     WHERE above.height < %(most)s
)
SELECT id, height FROM above ORDER BY height;
