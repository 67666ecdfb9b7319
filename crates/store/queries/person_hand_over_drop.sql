DELETE FROM notebook_acl
WHERE subject_kind = 'principal' AND subject = $1 AND notebook_id IN (
    SELECT notebook_id FROM notebook_acl
    WHERE subject_kind = 'principal' AND subject = $1 AND scope = 'owner')
