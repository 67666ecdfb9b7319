INSERT INTO access_requests
    (id, notebook_id, requester_principal, scope, status, requested_by_actor_label, created_ms,
    updated_ms)
VALUES ($1, $2, $3, 'editor', 'pending', $4, $5, $5)
ON CONFLICT DO NOTHING
