UPDATE notebooks SET latest_revision_id = $2, updated_ms = $3 WHERE id = $1
