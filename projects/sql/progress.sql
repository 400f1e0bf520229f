-- name: work_of
-- The steps of the present rounds by key, items under that of their list: how many are in each state, how long those
-- that run have run, and how long those took that were completed here. What a search proposes is part of it.
SELECT s.phase_id, coalesce(parent.key, s.key) AS key, s.parent_id IS NOT NULL AS is_item, s.state,
       min(s.agent) AS agent, min(s.kind) AS kind, min(s.pool) AS pool, count(*) AS n,
       min((coalesce(parent.spec, s.spec) ->> 'max_parallel')::int) AS width,
       array_agg(extract(epoch FROM clock_timestamp() - s.started_at)::float8)
           FILTER (WHERE s.state = 'running' AND s.started_at IS NOT NULL) AS passed,
       percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP
           (ORDER BY extract(epoch FROM s.finished_at - s.started_at)::float8)
           FILTER (WHERE s.state = 'completed' AND s.carried_from_id IS NULL) AS took
  FROM projects_step s
  JOIN projects_phase f ON f.id = s.phase_id AND f.round = s.round
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
 WHERE s.project_id = %(project)s AND (parent.kind IS DISTINCT FROM 'swarm')
   AND NOT (s.parent_id IS NULL AND s.spec ? 'for_each'
            AND EXISTS (SELECT 1 FROM projects_step i WHERE i.parent_id = s.id))
 GROUP BY s.phase_id, coalesce(parent.key, s.key), s.parent_id IS NOT NULL, s.state;

-- name: needs_of
-- Which step of the present rounds needs which, by key.
SELECT s.phase_id, s.key, array_agg(n.key) AS needs
  FROM projects_step s
  JOIN projects_phase f ON f.id = s.phase_id AND f.round = s.round
  JOIN projects_dependency d ON d.step_id = s.id
  JOIN projects_step n ON n.id = d.needs_id
 WHERE s.project_id = %(project)s AND s.parent_id IS NULL
 GROUP BY s.phase_id, s.key;

-- name: earlier_durations
-- How long steps of these keys took in the latest runs of the blueprint, whatever its version, by the attempt that was
-- completed; of a list its first items are asked for by their keys. Bounded on every side: the runs are looked for
-- among the last of all that were completed (project_by_state), and each step is found by its key.
WITH latest AS MATERIALIZED (
    SELECT id, blueprint_id FROM projects_project
     WHERE state = 'completed' ORDER BY id DESC LIMIT %(among)s
), runs AS MATERIALIZED (
    SELECT latest.id FROM latest JOIN projects_blueprintversion b ON b.id = latest.blueprint_id
     WHERE b.name = %(blueprint)s ORDER BY latest.id DESC LIMIT %(runs)s
)
SELECT coalesce(parent.key, s.key) AS key, count(*) AS n,
       percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP
           (ORDER BY extract(epoch FROM a.finished_at - a.started_at)::float8) AS took
  FROM runs
  JOIN projects_step s ON s.project_id = runs.id AND s.key = ANY(%(keys)s::text[])
  LEFT JOIN projects_step parent ON parent.id = s.parent_id
  JOIN projects_attempt a ON a.step_id = s.id AND a.number = s.attempt
 WHERE s.state = 'completed' AND a.outcome = 'completed' AND a.finished_at IS NOT NULL
 GROUP BY coalesce(parent.key, s.key);

-- name: paces_of
SELECT agent, seconds FROM projects_pace WHERE agent = ANY(%(agents)s::text[]);
