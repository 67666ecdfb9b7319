-- Machines: what pairing expects, how credentials are rotated and end, which machine a workstation is,
-- removals that hold, room tokens, and the history of workstations and their jobs.

ALTER TABLE pairing_codes ADD COLUMN expected_name TEXT COLLATE "C";

-- After a rotation the former token stays valid for a while.
ALTER TABLE credentials ADD COLUMN prior_token_hash TEXT COLLATE "C";
ALTER TABLE credentials ADD COLUMN prior_until_ms BIGINT;
ALTER TABLE credentials ADD COLUMN rotated_ms BIGINT;
ALTER TABLE credentials ADD COLUMN expires_ms BIGINT;
ALTER TABLE credentials ADD COLUMN may_serve_several BOOLEAN NOT NULL DEFAULT FALSE;
CREATE UNIQUE INDEX credentials_by_prior_token ON credentials (prior_token_hash)
    WHERE prior_token_hash IS NOT NULL;

ALTER TABLE workstations ADD COLUMN machine_id TEXT COLLATE "C";
ALTER TABLE workstations ADD COLUMN hostname TEXT COLLATE "C";
ALTER TABLE workstations ADD COLUMN os TEXT COLLATE "C";
ALTER TABLE workstations ADD COLUMN address TEXT COLLATE "C";
ALTER TABLE workstations ADD COLUMN online_since_ms BIGINT;

-- A removed workstation comes back only by a pairing after its removal.
CREATE TABLE removed_workstations (
    owner_principal TEXT COLLATE "C" NOT NULL,
    workstation_id TEXT COLLATE "C" NOT NULL,
    removed_ms BIGINT NOT NULL,
    PRIMARY KEY (owner_principal, workstation_id)
);

CREATE TABLE machine_settings (
    owner_principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    room_tokens_only BOOLEAN NOT NULL,
    room_token_s BIGINT NOT NULL,
    credential_days BIGINT,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE room_tokens (
    token_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL REFERENCES attach_jobs (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    principal_namespace TEXT COLLATE "C" NOT NULL,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX room_tokens_by_job ON room_tokens (job_id);
CREATE INDEX room_tokens_by_end ON room_tokens (expires_ms);

CREATE TABLE machine_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    owner_principal TEXT COLLATE "C" NOT NULL,
    workstation_id TEXT COLLATE "C" NOT NULL,
    job_id TEXT COLLATE "C",
    notebook_id TEXT COLLATE "C",
    event TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C"
);
CREATE INDEX machine_events_by_workstation ON machine_events (owner_principal, workstation_id, id);
CREATE INDEX machine_events_by_job ON machine_events (job_id, id) WHERE job_id IS NOT NULL;
CREATE INDEX machine_events_by_time ON machine_events (at_ms);

-- The history is written where the state changes, in the same step, so that no path forgets it.
CREATE FUNCTION history_job_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.requested_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_' || NEW.status, NEW.requested_trigger);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_job_made AFTER INSERT ON attach_jobs FOR EACH ROW
    EXECUTE FUNCTION history_job_made();

CREATE FUNCTION history_job_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_' || NEW.status, NEW.error_message);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_job_moved AFTER UPDATE OF status ON attach_jobs FOR EACH ROW
    WHEN (NEW.status <> OLD.status)
    EXECUTE FUNCTION history_job_moved();

CREATE FUNCTION history_job_promoted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, job_id, notebook_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, NEW.id, NEW.notebook_id,
        'job_promoted', NEW.requested_trigger);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_job_promoted AFTER UPDATE OF requested_trigger ON attach_jobs FOR EACH ROW
    WHEN (NEW.requested_trigger <> OLD.requested_trigger)
    EXECUTE FUNCTION history_job_promoted();

CREATE FUNCTION history_registered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.created_ms, NEW.owner_principal, NEW.workstation_id, 'registered', NEW.hostname);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_registered AFTER INSERT ON workstations FOR EACH ROW
    EXECUTE FUNCTION history_registered();

CREATE FUNCTION history_liveness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (CASE WHEN NEW.lease_online THEN NEW.lease_last_seen_ms ELSE NEW.lease_expires_ms END,
        NEW.owner_principal, NEW.workstation_id,
        CASE WHEN NEW.lease_online THEN 'online' ELSE 'offline' END, NEW.lease_offline_reason);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_liveness AFTER UPDATE OF lease_online ON workstations FOR EACH ROW
    WHEN (NEW.lease_online <> OLD.lease_online)
    EXECUTE FUNCTION history_liveness();

CREATE FUNCTION history_machine_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.updated_ms, NEW.owner_principal, NEW.workstation_id, 'machine_changed', NEW.hostname);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_machine_changed AFTER UPDATE OF machine_id ON workstations FOR EACH ROW
    WHEN (OLD.machine_id IS NOT NULL AND NEW.machine_id <> OLD.machine_id)
    EXECUTE FUNCTION history_machine_changed();

CREATE FUNCTION history_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event)
    VALUES (NEW.removed_ms, NEW.owner_principal, NEW.workstation_id, 'removed');
    RETURN NEW;
END
$$;
CREATE TRIGGER history_removed AFTER INSERT ON removed_workstations FOR EACH ROW
    EXECUTE FUNCTION history_removed();

CREATE FUNCTION history_credential_bound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.created_ms, NEW.owner_principal, NEW.workstation_id, 'paired', NEW.id);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_credential_bound AFTER UPDATE OF workstation_id ON credentials FOR EACH ROW
    WHEN (OLD.workstation_id IS NULL AND NEW.workstation_id IS NOT NULL)
    EXECUTE FUNCTION history_credential_bound();

CREATE FUNCTION history_credential_rotated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.rotated_ms, NEW.owner_principal, NEW.workstation_id, 'credential_rotated', NEW.id);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_credential_rotated AFTER UPDATE OF rotated_ms ON credentials FOR EACH ROW
    WHEN (NEW.workstation_id IS NOT NULL AND NEW.rotated_ms IS DISTINCT FROM OLD.rotated_ms)
    EXECUTE FUNCTION history_credential_rotated();

CREATE FUNCTION history_credential_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO machine_events (at_ms, owner_principal, workstation_id, event, detail)
    VALUES (NEW.revoked_ms, NEW.owner_principal, NEW.workstation_id, 'credential_revoked', NEW.id);
    RETURN NEW;
END
$$;
CREATE TRIGGER history_credential_revoked AFTER UPDATE OF revoked_ms ON credentials FOR EACH ROW
    WHEN (NEW.workstation_id IS NOT NULL AND OLD.revoked_ms IS NULL AND NEW.revoked_ms IS NOT NULL)
    EXECUTE FUNCTION history_credential_revoked();
