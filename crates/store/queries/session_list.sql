SELECT id, principal, provider, label, created_ms, last_used_ms, expires_ms, revoked_ms
FROM sessions WHERE principal = $1 ORDER BY created_ms DESC, id DESC
