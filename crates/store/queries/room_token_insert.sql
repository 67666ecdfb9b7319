INSERT INTO room_tokens (token_hash, job_id, credential_id, principal_namespace, issued_ms, expires_ms)
SELECT $1, id, $3, $4, $5, $6 FROM attach_jobs WHERE id = $2 AND status IN ('accepted', 'running')
