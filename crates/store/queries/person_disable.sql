INSERT INTO disabled_people (principal, disabled_ms, actor_label) VALUES ($1, $2, $3)
ON CONFLICT (principal) DO NOTHING
