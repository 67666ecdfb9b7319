UPDATE workstations SET lease_last_seen_ms = NULL, lease_expires_ms = NULL, lease_offline_reason = NULL
WHERE NOT lease_online AND lease_expires_ms <= $1
