SELECT canonical_principal FROM account_links WHERE transport_principal = $1
