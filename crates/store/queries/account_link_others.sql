SELECT COUNT(*) AS total FROM account_links
WHERE canonical_principal = $1 AND transport_principal <> $2
