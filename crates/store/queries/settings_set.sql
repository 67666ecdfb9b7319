INSERT INTO machine_settings (owner_principal, room_tokens_only, room_token_s, credential_days, updated_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner_principal) DO UPDATE SET
    room_tokens_only = excluded.room_tokens_only,
    room_token_s = excluded.room_token_s,
    credential_days = excluded.credential_days,
    updated_ms = excluded.updated_ms
