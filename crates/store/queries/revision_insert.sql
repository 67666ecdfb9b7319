INSERT INTO notebook_revisions (id, notebook_id, title, runtime_state_doc_id, notebook_heads_hash, runtime_heads_hash, comms_heads_hash,
    snapshot_key, runtime_snapshot_key, comms_snapshot_key, snapshot_blob, runtime_blob, comms_blob,
    cover_blob_hash, cover_mime, actor_label, created_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
