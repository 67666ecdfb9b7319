SELECT id, notebook_id, title, runtime_state_doc_id, notebook_heads_hash, runtime_heads_hash, comms_heads_hash,
    snapshot_key, runtime_snapshot_key, comms_snapshot_key, snapshot_blob, runtime_blob, comms_blob,
    cover_blob_hash, cover_mime, actor_label, created_ms
FROM notebook_revisions
WHERE notebook_id = $1 AND (created_ms, id) < ($2, $3)
ORDER BY created_ms DESC, id DESC
LIMIT $4
