SELECT principal, provider, display_name, email, first_seen_ms, last_seen_ms
FROM accounts WHERE principal = $1
