DELETE FROM notebook_blobs
WHERE notebook_id = $1 AND hash = $2 AND COALESCE(used_ms, uploaded_ms) < $3
    AND NOT EXISTS (
        SELECT 1 FROM notebook_revision_blobs p JOIN notebook_revisions r ON r.id = p.revision_id
        WHERE r.notebook_id = $1 AND p.blob_hash = $2)
