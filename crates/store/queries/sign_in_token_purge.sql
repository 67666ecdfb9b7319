DELETE FROM sign_in_tokens WHERE expires_ms < $1
