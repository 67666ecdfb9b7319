INSERT INTO people_to_disconnect (principal, at_ms) VALUES ($1, $2)
