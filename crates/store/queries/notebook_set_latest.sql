UPDATE notebooks SET latest_revision_id = (
    SELECT id FROM notebook_revisions WHERE notebook_id = $1 ORDER BY created_ms DESC, id DESC LIMIT 1)
WHERE id = $1
