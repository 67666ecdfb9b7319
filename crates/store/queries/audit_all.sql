SELECT id, at_ms, actor_label, action, notebook_id, subject, detail FROM audit_events
WHERE id < $1 ORDER BY id DESC LIMIT $2
