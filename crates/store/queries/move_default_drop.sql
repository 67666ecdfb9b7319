DELETE FROM workstation_defaults WHERE owner_principal = $1
