SELECT DISTINCT notebook_id FROM notebook_blobs
WHERE COALESCE(used_ms, uploaded_ms) < $1 AND notebook_id > $2
ORDER BY notebook_id
LIMIT $3
