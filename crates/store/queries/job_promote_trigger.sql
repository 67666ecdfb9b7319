UPDATE attach_jobs SET requested_trigger = 'user_attach', updated_ms = $2
WHERE id = $1 AND requested_trigger = 'resume' AND status IN ('pending', 'accepted', 'running')
