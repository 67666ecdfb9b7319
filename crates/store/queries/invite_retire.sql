UPDATE invites SET status = 'revoked', revoked_ms = $5, revoked_by_actor_label = $6
WHERE notebook_id = $1 AND email = $2 AND scope = $3 AND COALESCE(provider_hint, '') = $4
    AND status = 'pending' AND expires_ms <= $5
