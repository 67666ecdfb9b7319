-- The list of notebooks asks for the latest job of each.
CREATE INDEX attach_jobs_by_notebook ON attach_jobs (notebook_id, owner_principal, requested_ms);

-- When a blob that was known already was last uploaded again: the collection leaves it alone then.
ALTER TABLE notebook_blobs ADD COLUMN used_ms BIGINT;
CREATE INDEX notebook_blobs_by_hash ON notebook_blobs (hash);

-- What a published revision is made of, by key; the bytes lie with the blobs.
CREATE TABLE notebook_artifacts (
    artifact_key  TEXT   NOT NULL PRIMARY KEY,
    notebook_id   TEXT   NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    blob_hash     TEXT   NOT NULL,
    size_bytes    BIGINT NOT NULL,
    content_type  TEXT   NOT NULL,
    stored_ms     BIGINT NOT NULL
);
CREATE INDEX notebook_artifacts_by_notebook ON notebook_artifacts (notebook_id);
CREATE INDEX notebook_artifacts_by_blob ON notebook_artifacts (blob_hash);

-- A revision names its bytes by their hashes, so that it stays what it was when a key is written again.
CREATE TABLE notebook_revisions (
    id                    TEXT   NOT NULL PRIMARY KEY,
    notebook_id           TEXT   NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    title                 TEXT,
    runtime_state_doc_id  TEXT   NOT NULL,
    notebook_heads_hash   TEXT   NOT NULL,
    runtime_heads_hash    TEXT   NOT NULL,
    comms_heads_hash      TEXT,
    snapshot_key          TEXT   NOT NULL,
    runtime_snapshot_key  TEXT   NOT NULL,
    comms_snapshot_key    TEXT,
    snapshot_blob         TEXT   NOT NULL,
    runtime_blob          TEXT   NOT NULL,
    comms_blob            TEXT,
    cover_blob_hash       TEXT,
    cover_mime            TEXT,
    actor_label           TEXT   NOT NULL,
    created_ms            BIGINT NOT NULL
);
CREATE INDEX notebook_revisions_by_notebook ON notebook_revisions (notebook_id, created_ms DESC, id DESC);

-- The blobs that a revision's documents name.
CREATE TABLE notebook_revision_blobs (
    revision_id  TEXT NOT NULL REFERENCES notebook_revisions (id) ON DELETE CASCADE,
    blob_hash    TEXT NOT NULL,
    PRIMARY KEY (revision_id, blob_hash)
);
CREATE INDEX notebook_revision_blobs_by_hash ON notebook_revision_blobs (blob_hash);
