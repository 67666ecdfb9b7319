DELETE FROM workstation_defaults WHERE owner_principal = $1 AND workstation_id = $2
