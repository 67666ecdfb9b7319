UPDATE pairing_codes SET redeemed_ms = $2, redeemed_by_credential_id = $3
WHERE code_hash = $1 AND redeemed_ms IS NULL AND expires_ms > $2
RETURNING id, owner_principal, principal_namespace
