DELETE FROM removed_workstations WHERE owner_principal = $1
