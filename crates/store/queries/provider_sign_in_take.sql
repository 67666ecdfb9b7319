DELETE FROM provider_sign_ins WHERE state_hash = $1 AND expires_ms > $2
RETURNING nonce, verifier, next
