SELECT notebook_id, hash, size_bytes, content_type, uploaded_ms
FROM notebook_blobs WHERE notebook_id = $1 AND hash IN ($2)
