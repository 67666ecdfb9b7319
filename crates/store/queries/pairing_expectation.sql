SELECT expected_name FROM pairing_codes
WHERE code_hash = $1 AND redeemed_ms IS NULL AND expires_ms > $2 AND expected_name IS NOT NULL
