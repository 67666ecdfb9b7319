UPDATE access_requests
SET status = $3, resolved_by_actor_label = $4, resolved_ms = $5, updated_ms = $5
WHERE notebook_id = $1 AND id = $2 AND status = 'pending'
RETURNING id, notebook_id, requester_principal, scope, status, requested_by_actor_label,
    resolved_by_actor_label, created_ms, updated_ms, resolved_ms
