SELECT notebook_id, subject_kind, subject, scope, may_run, created_ms, updated_ms, created_by_actor_label
FROM notebook_acl
WHERE notebook_id = $1
    AND (subject_kind = 'public' OR (subject_kind = 'principal' AND (subject = $2 OR subject IN (
        SELECT transport_principal FROM account_links WHERE canonical_principal = $2))))
ORDER BY subject_kind, subject, scope
