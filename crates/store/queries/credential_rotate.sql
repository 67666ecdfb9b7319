UPDATE credentials SET
    token_hash = $3,
    prior_token_hash = $2,
    prior_until_ms = CASE WHEN token_hash = $2 THEN $4 ELSE prior_until_ms END,
    rotated_ms = $5,
    token_seen_ms = NULL,
    expires_ms = (SELECT $5 + credential_days * 86400000 FROM machine_settings
        WHERE machine_settings.owner_principal = credentials.owner_principal)
WHERE id = $1 AND revoked_ms IS NULL
    AND (token_hash = $2 OR prior_token_hash = $2 AND prior_until_ms > $5 AND token_seen_ms IS NULL)
