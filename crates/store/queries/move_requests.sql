UPDATE access_requests SET requester_principal = $2 WHERE requester_principal = $1
