UPDATE machine_settings SET owner_principal = $2
WHERE owner_principal = $1 AND NOT EXISTS (
    SELECT 1 FROM machine_settings other WHERE other.owner_principal = $2)
