INSERT INTO workstations (
    owner_principal, workstation_id, display_name, provider, provider_label, status, status_message,
    default_environment_label, environment_policy, installed_build, channel, working_directory,
    cpu_count, memory_bytes, accelerators_json, environments_json, created_ms, updated_ms, last_seen_ms,
    lease_last_seen_ms, lease_expires_ms, lease_online, lease_offline_reason,
    machine_id, hostname, os, address, online_since_ms)
VALUES ($1, $2, $3, $4, $5, 'online', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
    $16, $16, $16, $16, $17, TRUE, NULL, $18, $19, $20, $21, $16)
ON CONFLICT (owner_principal, workstation_id) DO UPDATE SET
    display_name = excluded.display_name,
    provider = excluded.provider,
    provider_label = excluded.provider_label,
    status = excluded.status,
    status_message = excluded.status_message,
    default_environment_label = excluded.default_environment_label,
    environment_policy = excluded.environment_policy,
    installed_build = excluded.installed_build,
    channel = excluded.channel,
    working_directory = excluded.working_directory,
    cpu_count = excluded.cpu_count,
    memory_bytes = excluded.memory_bytes,
    accelerators_json = excluded.accelerators_json,
    environments_json = excluded.environments_json,
    updated_ms = excluded.updated_ms,
    last_seen_ms = excluded.last_seen_ms,
    lease_last_seen_ms = excluded.lease_last_seen_ms,
    lease_expires_ms = excluded.lease_expires_ms,
    lease_online = excluded.lease_online,
    lease_offline_reason = excluded.lease_offline_reason,
    machine_id = COALESCE(excluded.machine_id, workstations.machine_id),
    hostname = excluded.hostname,
    os = excluded.os,
    address = excluded.address,
    online_since_ms = CASE
        WHEN workstations.lease_online AND workstations.lease_expires_ms > excluded.lease_last_seen_ms
        THEN workstations.online_since_ms ELSE excluded.online_since_ms END
