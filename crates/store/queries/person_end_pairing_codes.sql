UPDATE pairing_codes SET expires_ms = $2
WHERE owner_principal = $1 AND redeemed_ms IS NULL AND expires_ms > $2
