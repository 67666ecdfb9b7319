SELECT id, principal FROM people_to_disconnect WHERE id > $1 ORDER BY id
