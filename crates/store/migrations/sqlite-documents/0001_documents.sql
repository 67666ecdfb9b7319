-- The document log: changes of the documents of live rooms, in the order they became durable.
-- It has a file and a writer of its own, apart from the catalog.

-- One row is one or more whole change chunks of one document, as they arrived together.
CREATE TABLE document_change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    notebook_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE INDEX document_change_by_document ON document_change (notebook_id, epoch, kind, seq);

-- A whole saved document that holds every change up to and including through_seq.
CREATE TABLE document_snapshot (
    notebook_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    through_seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (notebook_id, epoch, kind)
) STRICT;
