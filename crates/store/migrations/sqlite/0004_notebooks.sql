-- The list of notebooks asks for the latest job of each.
CREATE INDEX attach_jobs_by_notebook ON attach_jobs (notebook_id, owner_principal, requested_ms);
