SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM notebook_blobs WHERE hash = $1)
    OR EXISTS (SELECT 1 FROM notebook_artifacts WHERE blob_hash = $1)
    OR EXISTS (
        SELECT 1 FROM notebook_revisions WHERE snapshot_blob = $1 OR runtime_blob = $1 OR comms_blob = $1)
    THEN 1 ELSE 0 END AS BIGINT) AS wanted
