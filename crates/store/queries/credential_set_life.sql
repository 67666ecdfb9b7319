UPDATE credentials SET expires_ms = $2 WHERE owner_principal = $1 AND revoked_ms IS NULL
