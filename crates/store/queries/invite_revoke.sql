UPDATE invites SET status = 'revoked', revoked_ms = $3, revoked_by_actor_label = $4
WHERE notebook_id = $1 AND id = $2 AND status = 'pending'
