SELECT id, at_ms, actor_label, action, notebook_id, subject, detail FROM audit_events
WHERE notebook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
