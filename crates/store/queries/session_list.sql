SELECT sessions.id, sessions.principal, sessions.provider, sessions.label, accounts.display_name,
    sessions.created_ms, sessions.last_used_ms, sessions.expires_ms, sessions.revoked_ms
FROM sessions LEFT JOIN accounts ON accounts.principal = sessions.principal
WHERE sessions.principal = $1 ORDER BY sessions.created_ms DESC, sessions.id DESC
