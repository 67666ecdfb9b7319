UPDATE invites SET status = 'accepted', accepted_ms = $4, accepted_by_principal = $3
WHERE email = $1 AND status = 'pending' AND (provider_hint IS NULL OR provider_hint = $2)
    AND (expires_ms IS NULL OR expires_ms > $4)
RETURNING notebook_id, scope
