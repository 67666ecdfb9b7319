-- The latest of a machine on a notebook stays: by it a run brings that machine back.
DELETE FROM attach_jobs
WHERE status IN ('failed', 'completed', 'cancelled') AND COALESCE(finished_ms, updated_ms) < $1
    AND EXISTS (
        SELECT 1 FROM attach_jobs AS later
        WHERE later.notebook_id = attach_jobs.notebook_id AND later.workstation_id = attach_jobs.workstation_id
            AND (later.requested_ms > attach_jobs.requested_ms
                OR (later.requested_ms = attach_jobs.requested_ms AND later.id > attach_jobs.id))
    )
