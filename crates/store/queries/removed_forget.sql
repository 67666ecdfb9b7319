DELETE FROM removed_workstations WHERE owner_principal = $1 AND workstation_id = $2
