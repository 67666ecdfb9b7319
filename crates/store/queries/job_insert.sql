INSERT INTO attach_jobs
    (id, notebook_id, owner_principal, workstation_id, status, requested_trigger,
     requested_by_actor_label, requested_ms, updated_ms)
VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $7)
