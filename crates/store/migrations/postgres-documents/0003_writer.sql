-- One server at a time writes the log. Each that takes it over adds one, so that a server that lost
-- its connection sees whether another wrote meanwhile.
CREATE TABLE document_writer (
    generation BIGINT NOT NULL
);
INSERT INTO document_writer (generation) VALUES (0);
