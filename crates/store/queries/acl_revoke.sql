DELETE FROM notebook_acl
WHERE notebook_id = $1 AND subject_kind = $2 AND subject = $3 AND scope = $4
    AND ($4 <> 'owner' OR EXISTS (
        SELECT 1 FROM notebook_acl other
        WHERE other.notebook_id = $1 AND other.scope = 'owner' AND other.subject <> $3))
