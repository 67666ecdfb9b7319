-- Machines: what pairing expects, how credentials are rotated and end, which machine a workstation is,
-- removals that hold, room tokens, and the history of workstations and their jobs.

ALTER TABLE pairing_codes ADD COLUMN expected_name TEXT;

-- After a rotation the former token stays valid for a while.
ALTER TABLE credentials ADD COLUMN prior_token_hash TEXT;
ALTER TABLE credentials ADD COLUMN prior_until_ms BIGINT;
ALTER TABLE credentials ADD COLUMN rotated_ms BIGINT;
ALTER TABLE credentials ADD COLUMN expires_ms BIGINT;
ALTER TABLE credentials ADD COLUMN may_serve_several BOOLEAN NOT NULL DEFAULT FALSE;
CREATE UNIQUE INDEX credentials_by_prior_token ON credentials (prior_token_hash)
    WHERE prior_token_hash IS NOT NULL;

ALTER TABLE workstations ADD COLUMN machine_id TEXT;
ALTER TABLE workstations ADD COLUMN hostname TEXT;
ALTER TABLE workstations ADD COLUMN os TEXT;
ALTER TABLE workstations ADD COLUMN address TEXT;
ALTER TABLE workstations ADD COLUMN online_since_ms BIGINT;

-- A removed workstation comes back only by a pairing after its removal.
CREATE TABLE removed_workstations (
    owner_principal  TEXT   NOT NULL,
    workstation_id   TEXT   NOT NULL,
    removed_ms       BIGINT NOT NULL,
    PRIMARY KEY (owner_principal, workstation_id)
);

CREATE TABLE machine_settings (
    owner_principal   TEXT    NOT NULL PRIMARY KEY,
    room_tokens_only  BOOLEAN NOT NULL,
    room_token_s      BIGINT  NOT NULL,
    credential_days   BIGINT,
    updated_ms        BIGINT  NOT NULL
);

CREATE TABLE room_tokens (
    token_hash           TEXT   NOT NULL PRIMARY KEY,
    job_id               TEXT   NOT NULL REFERENCES attach_jobs (id) ON DELETE CASCADE,
    credential_id        TEXT   NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    principal_namespace  TEXT   NOT NULL,
    issued_ms            BIGINT NOT NULL,
    expires_ms           BIGINT NOT NULL
);
CREATE INDEX room_tokens_by_job ON room_tokens (job_id);
CREATE INDEX room_tokens_by_end ON room_tokens (expires_ms);

CREATE TABLE machine_events (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms            BIGINT NOT NULL,
    owner_principal  TEXT   NOT NULL,
    workstation_id   TEXT   NOT NULL,
    job_id           TEXT,
    notebook_id      TEXT,
    event            TEXT   NOT NULL,
    detail           TEXT
);
CREATE INDEX machine_events_by_workstation ON machine_events (owner_principal, workstation_id, id);
CREATE INDEX machine_events_by_job ON machine_events (job_id, id) WHERE job_id IS NOT NULL;
CREATE INDEX machine_events_by_time ON machine_events (at_ms);

-- The history is written where the state changes, in the same step, so that no path forgets it.
CREATE TRIGGER history_job_made AFTER INSERT ON attach_jobs BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.requested_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_' || NEW.status, NEW.requested_trigger);
END;

CREATE TRIGGER history_job_moved AFTER UPDATE OF status ON attach_jobs
WHEN NEW.status <> OLD.status BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_' || NEW.status, NEW.error_message);
END;

CREATE TRIGGER history_job_promoted AFTER UPDATE OF requested_trigger ON attach_jobs
WHEN NEW.requested_trigger <> OLD.requested_trigger BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_promoted', NEW.requested_trigger);
END;

CREATE TRIGGER history_registered AFTER INSERT ON workstations BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.created_ms, NEW.owner_principal, NEW.workstation_id, 'registered', NEW.hostname);
END;

CREATE TRIGGER history_liveness AFTER UPDATE OF lease_online ON workstations
WHEN NEW.lease_online <> OLD.lease_online BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (CASE WHEN NEW.lease_online THEN NEW.lease_last_seen_ms ELSE NEW.lease_expires_ms END,
        NEW.owner_principal, NEW.workstation_id,
        CASE WHEN NEW.lease_online THEN 'online' ELSE 'offline' END, NEW.lease_offline_reason);
END;

CREATE TRIGGER history_machine_changed AFTER UPDATE OF machine_id ON workstations
WHEN OLD.machine_id IS NOT NULL AND NEW.machine_id <> OLD.machine_id BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, 'machine_changed', NEW.hostname);
END;

CREATE TRIGGER history_removed AFTER INSERT ON removed_workstations BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event)
    VALUES (NEW.removed_ms, NEW.owner_principal, NEW.workstation_id, 'removed');
END;

CREATE TRIGGER history_credential_bound AFTER UPDATE OF workstation_id ON credentials
WHEN OLD.workstation_id IS NULL AND NEW.workstation_id IS NOT NULL BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.created_ms, NEW.owner_principal, NEW.workstation_id, 'paired', NEW.id);
END;

CREATE TRIGGER history_credential_rotated AFTER UPDATE OF rotated_ms ON credentials
WHEN NEW.workstation_id IS NOT NULL AND NEW.rotated_ms IS NOT OLD.rotated_ms BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.rotated_ms, NEW.owner_principal, NEW.workstation_id, 'credential_rotated', NEW.id);
END;

CREATE TRIGGER history_credential_revoked AFTER UPDATE OF revoked_ms ON credentials
WHEN NEW.workstation_id IS NOT NULL AND OLD.revoked_ms IS NULL AND NEW.revoked_ms IS NOT NULL BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.revoked_ms, NEW.owner_principal, NEW.workstation_id, 'credential_revoked', NEW.id);
END;
