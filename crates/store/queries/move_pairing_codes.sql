UPDATE pairing_codes SET owner_principal = $2 WHERE owner_principal = $1
