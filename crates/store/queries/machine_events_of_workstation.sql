SELECT id, at_ms, workstation_id, job_id, notebook_id, event, detail FROM machine_events
WHERE owner_principal = $1 AND workstation_id = $2 AND id < $3
ORDER BY id DESC
LIMIT $4
