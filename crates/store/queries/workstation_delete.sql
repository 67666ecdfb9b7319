DELETE FROM workstations WHERE owner_principal = $1 AND workstation_id = $2
RETURNING lease_online
