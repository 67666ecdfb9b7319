SELECT id, notebook_id, owner_principal, workstation_id, status, requested_trigger, requested_by_actor_label,
    requested_ms, updated_ms, accepted_ms, finished_ms, error_message
FROM attach_jobs WHERE notebook_id = $1 AND workstation_id = $2
ORDER BY requested_ms DESC, updated_ms DESC, id DESC
LIMIT 1
