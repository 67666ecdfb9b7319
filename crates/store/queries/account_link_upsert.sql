INSERT INTO account_links
    (transport_principal, canonical_principal, provider, email, first_seen_ms, last_seen_ms)
VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (transport_principal) DO UPDATE SET
    canonical_principal = excluded.canonical_principal,
    provider = excluded.provider,
    email = excluded.email,
    last_seen_ms = excluded.last_seen_ms
