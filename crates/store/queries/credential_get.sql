SELECT id, token_hash, owner_principal, principal_namespace, pairing_code_id, workstation_id,
    created_ms, last_used_ms, revoked_ms, prior_token_hash, prior_until_ms, rotated_ms, expires_ms,
    may_serve_several, token_seen_ms
FROM credentials WHERE owner_principal = $1 AND id = $2
