SELECT id, notebook_id, requester_principal, scope, status, requested_by_actor_label,
    resolved_by_actor_label, created_ms, updated_ms, resolved_ms
FROM access_requests WHERE notebook_id = $1 AND requester_principal = $2
ORDER BY created_ms DESC, id DESC LIMIT 1
