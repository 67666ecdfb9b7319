INSERT INTO notebook_blobs (notebook_id, hash, size_bytes, content_type, uploaded_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (notebook_id, hash) DO NOTHING
RETURNING notebook_id, hash
