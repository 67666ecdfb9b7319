INSERT INTO notebook_blobs (notebook_id, hash, size_bytes, content_type, uploaded_ms)
SELECT CAST($2 AS TEXT), hash, size_bytes, content_type, CAST($4 AS BIGINT) FROM notebook_blobs WHERE notebook_id = $1 AND hash = $3
ON CONFLICT (notebook_id, hash) DO NOTHING
