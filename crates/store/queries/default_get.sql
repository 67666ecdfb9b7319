SELECT workstation_id FROM workstation_defaults WHERE owner_principal = $1
