DELETE FROM access_requests
WHERE requester_principal = $1 AND status = 'pending' AND notebook_id IN (
    SELECT notebook_id FROM access_requests WHERE requester_principal = $2 AND status = 'pending')
