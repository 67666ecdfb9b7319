UPDATE api_tokens SET revoked_ms = $2 WHERE principal = $1 AND revoked_ms IS NULL
