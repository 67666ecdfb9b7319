SELECT COUNT(*) AS notebooks FROM notebooks WHERE owner_principal = $1
