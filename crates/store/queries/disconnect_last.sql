SELECT COALESCE(MAX(id), 0) AS last FROM people_to_disconnect
