SELECT t.job_id, t.credential_id, t.principal_namespace, t.expires_ms, j.notebook_id, j.owner_principal,
    j.workstation_id, j.status, c.revoked_ms
FROM room_tokens t
JOIN attach_jobs j ON j.id = t.job_id
JOIN credentials c ON c.id = t.credential_id
WHERE t.token_hash = $1
