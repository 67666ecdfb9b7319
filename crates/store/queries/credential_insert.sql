INSERT INTO credentials
    (id, token_hash, owner_principal, principal_namespace, pairing_code_id, created_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6,
    (SELECT $6 + credential_days * 86400000 FROM machine_settings WHERE owner_principal = $3))
