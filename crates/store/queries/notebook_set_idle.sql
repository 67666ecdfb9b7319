UPDATE notebooks SET idle_minutes = $2 WHERE id = $1
