-- A new epoch starts a room's documents over with what is still shown. The first changes of the
-- epoch that ended are kept here: nothing of its history can come back without them.

-- One row is one document's share: hashes of 32 bytes, joined. `epoch` is the one that began.
CREATE TABLE document_retired (
    notebook_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (notebook_id, epoch, kind)
) STRICT;
