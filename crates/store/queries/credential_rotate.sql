UPDATE credentials SET token_hash = $3
WHERE id = $1 AND token_hash = $2 AND revoked_ms IS NULL
