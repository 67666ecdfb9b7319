INSERT INTO notebook_blobs (notebook_id, hash, size_bytes, content_type, uploaded_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (notebook_id, hash) DO UPDATE SET used_ms = excluded.uploaded_ms
WHERE COALESCE(notebook_blobs.used_ms, notebook_blobs.uploaded_ms) < excluded.uploaded_ms - 3600000
RETURNING notebook_id, hash, used_ms
