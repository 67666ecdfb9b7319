SELECT COUNT(*) AS codes, MIN(expires_ms) AS first_end_ms FROM pairing_codes
WHERE owner_principal = $1 AND redeemed_ms IS NULL AND expires_ms > $2
