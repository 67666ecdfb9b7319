INSERT INTO notebook_acl
    (notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
ON CONFLICT (notebook_id, subject_kind, subject, scope) DO UPDATE SET
    may_run = excluded.may_run,
    updated_ms = excluded.updated_ms
