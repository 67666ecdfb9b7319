SELECT id FROM notebooks WHERE id = $1
