INSERT INTO provider_sign_ins (state_hash, nonce, verifier, next, expires_ms)
VALUES ($1, $2, $3, $4, $5)
