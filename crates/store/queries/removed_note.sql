INSERT INTO removed_workstations (owner_principal, workstation_id, removed_ms)
VALUES ($1, $2, $3)
