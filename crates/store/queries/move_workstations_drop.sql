DELETE FROM workstations WHERE owner_principal = $1
