SELECT id, token_hash, principal, name, scope, created_ms, expires_ms, last_used_ms, revoked_ms
FROM api_tokens WHERE token_hash = $1
