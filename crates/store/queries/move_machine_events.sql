UPDATE machine_events SET owner_principal = $2 WHERE owner_principal = $1
