UPDATE attach_jobs SET status = 'failed', error_message = $3, updated_ms = $4, finished_ms = $4
WHERE notebook_id = $1 AND owner_principal = $2 AND status IN ('pending', 'accepted', 'running')
RETURNING id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
