SELECT COUNT(*) AS total FROM api_tokens
WHERE principal = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)
