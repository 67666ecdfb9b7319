UPDATE credentials SET revoked_ms = COALESCE(revoked_ms, $3) WHERE owner_principal = $1 AND id = $2
