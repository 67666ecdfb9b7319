SELECT id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
FROM attach_jobs
WHERE owner_principal = $1 AND workstation_id = $2 AND status IN ('pending', 'accepted', 'running')
    AND (CAST(CASE status WHEN 'pending' THEN 0 ELSE 1 END AS BIGINT), requested_ms, id) > ($3, $4, $5)
ORDER BY CASE status WHEN 'pending' THEN 0 ELSE 1 END, requested_ms, id
LIMIT $6
