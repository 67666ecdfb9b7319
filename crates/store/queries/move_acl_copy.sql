INSERT INTO notebook_acl
    (notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label)
SELECT notebook_id, subject_kind, $2, scope, may_run, created_ms, updated_ms, created_by_actor_label
FROM notebook_acl WHERE subject_kind = 'principal' AND subject = $1
ON CONFLICT (notebook_id, subject_kind, subject, scope) DO UPDATE SET
    may_run = notebook_acl.may_run OR excluded.may_run
