UPDATE removed_workstations SET owner_principal = $2
WHERE owner_principal = $1
    AND workstation_id NOT IN (SELECT workstation_id FROM removed_workstations WHERE owner_principal = $2)
    AND workstation_id NOT IN (SELECT workstation_id FROM workstations WHERE owner_principal = $2)
