UPDATE pairing_codes SET workstation_id = $2 WHERE id = $1 AND workstation_id IS NULL
