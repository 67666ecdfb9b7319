DELETE FROM provider_sign_ins WHERE expires_ms <= $1
