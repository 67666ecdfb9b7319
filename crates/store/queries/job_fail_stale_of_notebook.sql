UPDATE attach_jobs SET status = 'failed', error_message = $4, updated_ms = $5, finished_ms = $5
WHERE notebook_id = $1 AND owner_principal = $2
    AND status = 'pending' AND requested_trigger = 'user_attach' AND requested_ms < $3
RETURNING id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
