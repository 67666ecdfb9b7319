INSERT INTO notebook_revision_blobs (revision_id, blob_hash) VALUES ($1, $2) ON CONFLICT (revision_id, blob_hash) DO NOTHING
