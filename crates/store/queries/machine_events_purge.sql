DELETE FROM machine_events WHERE at_ms < $1
