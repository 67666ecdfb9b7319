INSERT INTO sign_in_tokens (token_hash, principal, created_ms, expires_ms) VALUES ($1, $2, $3, $4)
