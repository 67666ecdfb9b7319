UPDATE workstation_defaults SET owner_principal = $2
WHERE owner_principal = $1 AND NOT EXISTS (
    SELECT 1 FROM workstation_defaults other WHERE other.owner_principal = $2)
