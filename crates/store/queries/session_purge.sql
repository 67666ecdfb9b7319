DELETE FROM sessions WHERE COALESCE(revoked_ms, expires_ms) < $1
