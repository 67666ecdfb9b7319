-- The document log: changes of the documents of live rooms, in the order they became durable.
-- It has a writer of its own, apart from the catalog.

-- One row is one or more whole change chunks of one document, as they arrived together.
CREATE TABLE document_change (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notebook_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    bytes BYTEA NOT NULL
);

CREATE INDEX document_change_by_document ON document_change (notebook_id, epoch, kind, seq);

-- A whole saved document that holds every change up to and including through_seq.
CREATE TABLE document_snapshot (
    notebook_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    through_seq BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (notebook_id, epoch, kind)
);
