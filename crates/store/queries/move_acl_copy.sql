INSERT INTO notebook_acl
    (notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label)
SELECT notebook_id, subject_kind, $2, scope, may_run, created_ms, updated_ms,
    CASE WHEN substr(created_by_actor_label, 1, length(CAST($1 AS TEXT)) + 1) = CAST($1 AS TEXT) || '/'
        THEN CAST($2 AS TEXT) || substr(created_by_actor_label, length(CAST($1 AS TEXT)) + 1)
        ELSE created_by_actor_label END
FROM notebook_acl WHERE subject_kind = 'principal' AND subject = $1
ON CONFLICT (notebook_id, subject_kind, subject, scope) DO UPDATE SET
    may_run = notebook_acl.may_run OR excluded.may_run
