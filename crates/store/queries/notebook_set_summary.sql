UPDATE notebooks SET cell_composition = $2, preview_cells = $3, language = $4, updated_ms = $5
WHERE id = $1
