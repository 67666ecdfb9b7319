UPDATE sign_in_tokens SET used_ms = $2
WHERE token_hash = $1 AND used_ms IS NULL AND expires_ms > $2
RETURNING principal
