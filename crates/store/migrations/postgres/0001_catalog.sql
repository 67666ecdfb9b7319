-- The catalog: accounts, access, pairing, workstations and attach jobs.
-- Ids are TEXT, times are BIGINT milliseconds since 1970 UTC, secrets are hashes.
-- TEXT compares by bytes (COLLATE "C"), as it does on SQLite.

CREATE TABLE accounts (
    principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    provider TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C",
    email TEXT COLLATE "C",
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    principal TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX sessions_by_principal ON sessions (principal, created_ms DESC);

CREATE TABLE sign_in_tokens (
    token_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    principal TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

-- `room_epoch` numbers the room's documents: a new epoch starts from genesis with
-- what is still shown, the old ones stay readable as history.
CREATE TABLE notebooks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_principal TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    trashed_ms BIGINT,
    latest_revision_id TEXT COLLATE "C",
    cell_composition TEXT COLLATE "C",
    preview_cells TEXT COLLATE "C",
    language TEXT COLLATE "C",
    room_epoch BIGINT NOT NULL DEFAULT 1
);

-- `may_run` is the run right an owner may give beside `editor`.
CREATE TABLE notebook_acl (
    notebook_id TEXT COLLATE "C" NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    subject_kind TEXT COLLATE "C" NOT NULL CHECK (subject_kind IN ('principal', 'public')),
    subject TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('viewer', 'editor', 'runtime_peer', 'owner')),
    may_run BOOLEAN NOT NULL DEFAULT FALSE,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    created_by_actor_label TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (notebook_id, subject_kind, subject, scope),
    CHECK (subject_kind <> 'public' OR (subject = 'anonymous' AND scope = 'viewer')),
    CHECK (NOT may_run OR scope = 'editor')
);
CREATE INDEX notebook_acl_by_subject ON notebook_acl (subject_kind, subject, notebook_id);

CREATE TABLE notebook_blobs (
    notebook_id TEXT COLLATE "C" NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    hash TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    content_type TEXT COLLATE "C",
    uploaded_ms BIGINT NOT NULL,
    PRIMARY KEY (notebook_id, hash)
);

CREATE TABLE pairing_codes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    code_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    owner_principal TEXT COLLATE "C" NOT NULL,
    principal_namespace TEXT COLLATE "C" NOT NULL,
    created_by_actor_label TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    redeemed_ms BIGINT,
    redeemed_by_credential_id TEXT COLLATE "C",
    workstation_id TEXT COLLATE "C"
);
CREATE INDEX pairing_codes_by_owner ON pairing_codes (owner_principal, created_ms DESC);

CREATE TABLE credentials (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    owner_principal TEXT COLLATE "C" NOT NULL,
    principal_namespace TEXT COLLATE "C" NOT NULL,
    pairing_code_id TEXT COLLATE "C" REFERENCES pairing_codes (id) ON DELETE SET NULL,
    workstation_id TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX credentials_by_owner ON credentials (owner_principal, created_ms DESC);

-- The lease lives in the row: a heartbeat writes both in one step.
CREATE TABLE workstations (
    owner_principal TEXT COLLATE "C" NOT NULL,
    workstation_id TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    provider_label TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL
        CHECK (status IN ('online', 'offline', 'connecting', 'attention', 'unknown')),
    status_message TEXT COLLATE "C",
    default_environment_label TEXT COLLATE "C",
    environment_policy TEXT COLLATE "C",
    installed_build TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    working_directory TEXT COLLATE "C",
    cpu_count BIGINT,
    memory_bytes BIGINT,
    accelerators_json TEXT COLLATE "C",
    environments_json TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    last_seen_ms BIGINT,
    lease_last_seen_ms BIGINT,
    lease_expires_ms BIGINT,
    lease_online BOOLEAN NOT NULL DEFAULT FALSE,
    lease_offline_reason TEXT COLLATE "C",
    PRIMARY KEY (owner_principal, workstation_id)
);
CREATE INDEX workstations_by_lease ON workstations (lease_expires_ms);

CREATE TABLE workstation_defaults (
    owner_principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workstation_id TEXT COLLATE "C" NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- No foreign key to workstations: a job outlives its workstation's row.
CREATE TABLE attach_jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    notebook_id TEXT COLLATE "C" NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    owner_principal TEXT COLLATE "C" NOT NULL,
    workstation_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL
        CHECK (status IN ('pending', 'accepted', 'running', 'failed', 'completed', 'cancelled')),
    requested_trigger TEXT COLLATE "C" NOT NULL CHECK (requested_trigger IN ('user_attach', 'resume')),
    requested_by_actor_label TEXT COLLATE "C" NOT NULL,
    requested_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    accepted_ms BIGINT,
    finished_ms BIGINT,
    error_message TEXT COLLATE "C"
);
CREATE UNIQUE INDEX attach_jobs_one_active ON attach_jobs (notebook_id, owner_principal)
    WHERE status IN ('pending', 'accepted', 'running');
CREATE INDEX attach_jobs_by_workstation
    ON attach_jobs (owner_principal, workstation_id, status, requested_ms);

CREATE TABLE audit_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor_label TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    notebook_id TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    detail TEXT COLLATE "C"
);
CREATE INDEX audit_events_by_notebook ON audit_events (notebook_id, at_ms);
