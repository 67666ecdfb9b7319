INSERT INTO sessions (id, token_hash, principal, provider, label, created_ms, last_used_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
