SELECT people.principal AS principal, accounts.provider AS provider,
    accounts.display_name AS display_name, accounts.email AS email,
    accounts.last_seen_ms AS last_seen_ms, disabled_people.disabled_ms AS disabled_ms,
    (SELECT COUNT(*) FROM notebook_acl
        WHERE subject_kind = 'principal' AND subject = people.principal AND scope = 'owner')
        AS notebooks,
    (SELECT COUNT(*) FROM workstations WHERE owner_principal = people.principal) AS workstations
FROM (
    SELECT principal FROM accounts
        WHERE principal NOT IN (SELECT transport_principal FROM account_links)
    UNION SELECT subject FROM notebook_acl WHERE subject_kind = 'principal'
    UNION SELECT principal FROM disabled_people
    UNION SELECT owner_principal FROM workstations
) people
LEFT JOIN accounts ON accounts.principal = people.principal
LEFT JOIN disabled_people ON disabled_people.principal = people.principal
ORDER BY people.principal
