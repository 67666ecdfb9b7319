UPDATE attach_jobs SET
    status = $4,
    error_message = $5,
    updated_ms = $6,
    accepted_ms = CASE WHEN $4 IN ('accepted', 'running') THEN COALESCE(accepted_ms, $6) ELSE accepted_ms END,
    finished_ms = CASE WHEN $4 IN ('failed', 'completed', 'cancelled') THEN $6 ELSE finished_ms END
WHERE owner_principal = $1 AND workstation_id = $2 AND id = $3
    AND status IN ('pending', 'accepted', 'running')
    AND CASE status WHEN 'pending' THEN 0 WHEN 'accepted' THEN 1 ELSE 2 END
        <= CASE $4 WHEN 'accepted' THEN 1 WHEN 'running' THEN 2 ELSE 3 END
