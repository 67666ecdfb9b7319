SELECT id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
FROM attach_jobs
WHERE owner_principal = $1 AND workstation_id = $2 AND status = 'pending'
ORDER BY requested_ms, id
LIMIT $3
