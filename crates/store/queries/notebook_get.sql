SELECT id, owner_principal, title, created_ms, updated_ms, trashed_ms, latest_revision_id,
    cell_composition, preview_cells, language, room_epoch, idle_minutes
FROM notebooks WHERE id = $1
