SELECT MIN(CASE WHEN lease_online THEN lease_expires_ms ELSE lease_expires_ms + $1 END) AS deadline_ms
FROM workstations WHERE lease_expires_ms IS NOT NULL
