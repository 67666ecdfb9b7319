INSERT INTO api_tokens (id, token_hash, principal, name, scope, created_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
