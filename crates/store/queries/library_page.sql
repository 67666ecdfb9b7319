SELECT n.id, n.owner_principal, n.title, n.created_ms, n.updated_ms, n.trashed_ms, n.latest_revision_id,
    n.cell_composition, n.preview_cells, n.language, n.room_epoch, n.idle_minutes,
    CAST(MAX(CASE a.scope WHEN 'owner' THEN 4 WHEN 'editor' THEN 3 WHEN 'runtime_peer' THEN 2 ELSE 1 END)
        AS BIGINT) AS scope_rank
FROM notebooks n
JOIN notebook_acl a ON a.notebook_id = n.id
WHERE a.subject_kind = 'principal' AND a.subject = $1
    AND (CASE WHEN $2 THEN n.trashed_ms IS NOT NULL ELSE n.trashed_ms IS NULL END)
    AND (n.updated_ms, n.created_ms, n.id) < ($3, $4, $5)
GROUP BY n.id
ORDER BY n.updated_ms DESC, n.created_ms DESC, n.id DESC
LIMIT $6
