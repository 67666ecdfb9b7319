UPDATE workstations SET lease_online = FALSE, lease_offline_reason = $3, lease_expires_ms = $4
WHERE owner_principal = $1 AND workstation_id = $2 AND lease_online
