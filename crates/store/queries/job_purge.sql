DELETE FROM attach_jobs
WHERE status IN ('failed', 'completed', 'cancelled') AND COALESCE(finished_ms, updated_ms) < $1
