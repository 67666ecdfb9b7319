-- A new epoch starts a room's documents over with what is still shown. The first changes of the
-- epoch that ended are kept here: nothing of its history can come back without them.

-- One row is one document's share: hashes of 32 bytes, joined. `epoch` is the one that began.
CREATE TABLE document_retired (
    notebook_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (notebook_id, epoch, kind)
);
