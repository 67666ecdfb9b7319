INSERT INTO audit_events (at_ms, actor_label, action, notebook_id, subject, detail)
VALUES ($1, $2, $3, $4, $5, $6)
