UPDATE api_tokens SET revoked_ms = COALESCE(revoked_ms, $3) WHERE principal = $1 AND id = $2
