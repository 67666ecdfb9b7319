SELECT b.hash FROM notebook_blobs b
WHERE b.notebook_id = $1 AND COALESCE(b.used_ms, b.uploaded_ms) < $2
    AND NOT EXISTS (
        SELECT 1 FROM notebook_revision_blobs p JOIN notebook_revisions r ON r.id = p.revision_id
        WHERE r.notebook_id = b.notebook_id AND p.blob_hash = b.hash)
