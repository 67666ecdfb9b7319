UPDATE attach_jobs SET owner_principal = $2 WHERE owner_principal = $1
