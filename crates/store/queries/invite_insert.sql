INSERT INTO invites
    (id, notebook_id, email, provider_hint, scope, status, invited_by_actor_label, created_ms,
    expires_text, expires_ms)
VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9)
ON CONFLICT DO NOTHING
