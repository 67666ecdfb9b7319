UPDATE sessions SET last_used_ms = $2, expires_ms = $3 WHERE id = $1 AND revoked_ms IS NULL
