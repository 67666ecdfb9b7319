SELECT
    (SELECT canonical_principal FROM account_links WHERE transport_principal = $1) AS canonical,
    EXISTS (
        SELECT 1 FROM disabled_people WHERE principal = $1 OR principal = (
            SELECT canonical_principal FROM account_links WHERE transport_principal = $1)
    ) AS disabled,
    EXISTS (
        SELECT 1 FROM invites JOIN accounts ON accounts.email = invites.email
        WHERE accounts.principal = $1 AND invites.status = 'pending'
            AND (invites.expires_ms IS NULL OR invites.expires_ms > $2)
            AND (invites.provider_hint IS NULL OR invites.provider_hint = accounts.provider)
    ) AS invited
