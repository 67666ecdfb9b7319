INSERT INTO accounts (principal, provider, display_name, email, first_seen_ms, last_seen_ms)
VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (principal) DO UPDATE SET
    provider = excluded.provider,
    display_name = COALESCE(excluded.display_name, accounts.display_name),
    email = COALESCE(excluded.email, accounts.email),
    last_seen_ms = excluded.last_seen_ms
