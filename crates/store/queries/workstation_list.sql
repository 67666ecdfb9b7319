SELECT owner_principal, workstation_id, display_name, provider, provider_label, status, status_message,
    default_environment_label, environment_policy, installed_build, channel, working_directory,
    cpu_count, memory_bytes, accelerators_json, environments_json, created_ms, updated_ms, last_seen_ms,
    lease_last_seen_ms, lease_expires_ms, lease_online, lease_offline_reason,
    machine_id, hostname, os, address, online_since_ms,
    kernels_json, utilisation_json, clock_skew_ms, idle_minutes
FROM workstations WHERE owner_principal = $1
ORDER BY workstation_id
