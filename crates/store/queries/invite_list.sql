SELECT id, notebook_id, email, provider_hint, scope, status, invited_by_actor_label,
    accepted_by_principal, created_ms, expires_text, accepted_ms, revoked_ms,
    revoked_by_actor_label
FROM invites WHERE notebook_id = $1 ORDER BY created_ms DESC, id DESC LIMIT $2
