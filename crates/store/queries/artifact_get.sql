SELECT artifact_key, notebook_id, blob_hash, size_bytes, content_type, stored_ms
FROM notebook_artifacts WHERE artifact_key = $1
