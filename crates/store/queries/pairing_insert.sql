INSERT INTO pairing_codes
    (id, code_hash, owner_principal, principal_namespace, created_by_actor_label, created_ms, expires_ms,
     expected_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
