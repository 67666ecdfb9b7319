UPDATE attach_jobs SET status = 'cancelled', updated_ms = $3, finished_ms = $3,
    error_message = 'cancelled: the account was joined with another that has a job here'
WHERE owner_principal = $1 AND status IN ('pending', 'accepted', 'running')
    AND notebook_id IN (
        SELECT notebook_id FROM attach_jobs
        WHERE owner_principal = $2 AND status IN ('pending', 'accepted', 'running'))
