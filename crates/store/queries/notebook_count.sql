SELECT COUNT(DISTINCT n.id) AS total
FROM notebooks n
JOIN notebook_acl a ON a.notebook_id = n.id
WHERE a.subject_kind = 'principal' AND a.subject = $1
    AND (CASE WHEN $2 THEN n.trashed_ms IS NOT NULL ELSE n.trashed_ms IS NULL END)
