INSERT INTO workstation_defaults (owner_principal, workstation_id, updated_ms)
VALUES ($1, $2, $3)
ON CONFLICT (owner_principal) DO NOTHING
