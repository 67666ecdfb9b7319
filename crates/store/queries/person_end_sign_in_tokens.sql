UPDATE sign_in_tokens SET used_ms = $2 WHERE principal = $1 AND used_ms IS NULL
