SELECT 1 AS present FROM notebook_acl
WHERE notebook_id = $1 AND subject_kind = $2 AND subject = $3 AND scope = $4
