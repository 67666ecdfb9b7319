SELECT notebooks.id, notebooks.owner_principal, notebooks.title, notebooks.created_ms, notebooks.updated_ms,
    notebooks.trashed_ms, notebooks.latest_revision_id, notebooks.cell_composition, notebooks.preview_cells,
    notebooks.language, notebooks.room_epoch, notebooks.idle_minutes,
    acl.subject_kind, acl.subject, acl.scope, acl.may_run, acl.created_ms AS granted_ms,
    acl.updated_ms AS renewed_ms, acl.created_by_actor_label
FROM notebooks LEFT JOIN notebook_acl AS acl ON acl.notebook_id = notebooks.id
    AND (acl.subject_kind = 'public' OR (acl.subject_kind = 'principal' AND (acl.subject = $2 OR acl.subject IN (
        SELECT transport_principal FROM account_links WHERE canonical_principal = $2))))
WHERE notebooks.id = $1
