UPDATE credentials SET owner_principal = $2 WHERE owner_principal = $1
