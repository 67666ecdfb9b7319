-- One active job for each notebook, whoever owns it: the machine of one owner ended what another's ran, and each could
-- have one (HAZ-14). Of several the newest stays; the others' machines hear it at their next report.

UPDATE attach_jobs SET status = 'cancelled', finished_ms = updated_ms,
    error_message = 'replaced by a newer workstation attach request'
WHERE status IN ('pending', 'accepted', 'running') AND EXISTS (
    SELECT 1 FROM attach_jobs k
    WHERE k.notebook_id = attach_jobs.notebook_id AND k.status IN ('pending', 'accepted', 'running')
        AND (k.requested_ms, k.id) > (attach_jobs.requested_ms, attach_jobs.id));

DROP INDEX attach_jobs_one_active;
CREATE UNIQUE INDEX attach_jobs_one_active ON attach_jobs (notebook_id)
    WHERE status IN ('pending', 'accepted', 'running');
