INSERT INTO notebook_acl
    (notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label)
SELECT notebook_id, 'principal', $2, 'owner', FALSE, $3, $3, $4
FROM notebook_acl WHERE subject_kind = 'principal' AND subject = $1 AND scope = 'owner'
ON CONFLICT (notebook_id, subject_kind, subject, scope) DO NOTHING
