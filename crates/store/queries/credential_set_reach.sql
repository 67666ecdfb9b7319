UPDATE credentials SET may_serve_several = $3 WHERE owner_principal = $1 AND id = $2
