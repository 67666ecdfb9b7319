UPDATE credentials SET token_seen_ms = $3,
    prior_until_ms = CASE WHEN prior_until_ms > $4 THEN $4 ELSE prior_until_ms END
WHERE id = $1 AND token_hash = $2 AND token_seen_ms IS NULL
