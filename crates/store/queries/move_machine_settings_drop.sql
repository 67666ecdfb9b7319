DELETE FROM machine_settings WHERE owner_principal = $1
