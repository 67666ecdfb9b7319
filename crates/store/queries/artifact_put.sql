INSERT INTO notebook_artifacts (artifact_key, notebook_id, blob_hash, size_bytes, content_type, stored_ms)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (artifact_key) DO UPDATE
SET blob_hash = excluded.blob_hash, size_bytes = excluded.size_bytes, content_type = excluded.content_type,
    stored_ms = excluded.stored_ms
WHERE notebook_artifacts.notebook_id = excluded.notebook_id
