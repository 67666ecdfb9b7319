SELECT MIN(requested_ms) AS requested_ms FROM attach_jobs
WHERE status = 'pending' AND requested_trigger = 'user_attach'
