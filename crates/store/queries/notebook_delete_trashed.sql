DELETE FROM notebooks WHERE id = $1 AND trashed_ms IS NOT NULL
