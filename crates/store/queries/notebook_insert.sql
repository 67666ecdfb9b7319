INSERT INTO notebooks (id, owner_principal, title, created_ms, updated_ms)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (id) DO NOTHING
