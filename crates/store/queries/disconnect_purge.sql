DELETE FROM people_to_disconnect WHERE at_ms < $1
