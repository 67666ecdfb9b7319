UPDATE notebooks SET trashed_ms = $2, updated_ms = $3 WHERE id = $1
