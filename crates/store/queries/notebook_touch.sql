UPDATE notebooks SET updated_ms = $2 WHERE id = $1 AND updated_ms < $2
