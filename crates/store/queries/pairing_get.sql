SELECT id, owner_principal, principal_namespace, created_by_actor_label, created_ms, expires_ms,
    redeemed_ms, redeemed_by_credential_id, workstation_id
FROM pairing_codes WHERE owner_principal = $1 AND id = $2
