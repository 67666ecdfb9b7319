SELECT j.id, j.notebook_id, j.owner_principal, j.workstation_id, j.status, j.requested_trigger,
    j.requested_by_actor_label, j.requested_ms, j.updated_ms, j.accepted_ms, j.finished_ms, j.error_message,
    w.display_name, w.default_environment_label, w.working_directory, w.last_seen_ms
FROM notebook_acl a
JOIN notebooks n ON n.id = a.notebook_id
JOIN attach_jobs j ON j.notebook_id = n.id
LEFT JOIN workstations w ON w.owner_principal = j.owner_principal AND w.workstation_id = j.workstation_id
WHERE a.subject_kind = 'principal' AND a.subject = $1 AND a.scope = 'owner' AND n.trashed_ms IS NULL
    AND j.status IN ('pending', 'accepted', 'running', 'failed')
    AND NOT EXISTS (
        SELECT 1 FROM attach_jobs k
        WHERE k.notebook_id = j.notebook_id AND (k.requested_ms, k.id) > (j.requested_ms, j.id))
