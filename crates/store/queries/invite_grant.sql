INSERT INTO notebook_acl
    (notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label)
VALUES ($1, 'principal', $2, $3, FALSE, $4, $4, $5)
ON CONFLICT (notebook_id, subject_kind, subject, scope) DO NOTHING
