INSERT INTO credentials
    (id, token_hash, owner_principal, principal_namespace, pairing_code_id, created_ms)
VALUES ($1, $2, $3, $4, $5, $6)
