UPDATE attach_jobs SET status = 'failed', error_message = $2, updated_ms = $3, finished_ms = $3
WHERE status = 'pending' AND requested_trigger = 'user_attach' AND requested_ms < $1
RETURNING id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
