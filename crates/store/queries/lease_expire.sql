UPDATE workstations SET lease_online = FALSE, lease_offline_reason = $2
WHERE lease_online AND lease_expires_ms <= $1
RETURNING owner_principal, workstation_id
