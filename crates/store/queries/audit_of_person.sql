SELECT id, at_ms, actor_label, action, notebook_id, subject, detail FROM audit_events
WHERE (subject = $1 OR substr(actor_label, 1, length($1) + 1) = $1 || '/') AND id < $2
ORDER BY id DESC LIMIT $3
