UPDATE api_tokens SET last_used_ms = $2
WHERE id = $1 AND (last_used_ms IS NULL OR last_used_ms < $3)
