-- What machines offer and do, and when compute that nobody uses stops.

ALTER TABLE workstations ADD COLUMN kernels_json TEXT;
ALTER TABLE workstations ADD COLUMN utilisation_json TEXT;
ALTER TABLE workstations ADD COLUMN clock_skew_ms BIGINT;
-- Minutes; 0 is never, NULL is the server's default.
ALTER TABLE workstations ADD COLUMN idle_minutes BIGINT;

-- The owner's word for this notebook; NULL is what its machine says.
ALTER TABLE notebooks ADD COLUMN idle_minutes BIGINT;
