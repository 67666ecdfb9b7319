DELETE FROM pairing_codes WHERE redeemed_ms IS NULL AND expires_ms < $1
