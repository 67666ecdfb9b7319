-- Who people are beyond one way to sign in, what they may hand out, and how that ends.

-- One person may arrive by several ways; what they own is kept under the canonical principal.
CREATE TABLE account_links (
    transport_principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    canonical_principal TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C" NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL
);
CREATE INDEX account_links_by_canonical ON account_links (canonical_principal);

CREATE TABLE disabled_people (
    principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    disabled_ms BIGINT NOT NULL,
    actor_label TEXT COLLATE "C" NOT NULL
);

-- Sockets of these principals are to end; every server reads it, so that the console of one
-- process reaches the sockets of another.
CREATE TABLE people_to_disconnect (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    principal TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('viewer', 'editor', 'owner')),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    last_used_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX api_tokens_by_principal ON api_tokens (principal, created_ms DESC);

-- A sign-in at the provider that has begun; its row is used up by the answer.
CREATE TABLE provider_sign_ins (
    state_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    nonce TEXT COLLATE "C" NOT NULL,
    verifier TEXT COLLATE "C" NOT NULL,
    next TEXT COLLATE "C" NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE invites (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    notebook_id TEXT COLLATE "C" NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    email TEXT COLLATE "C" NOT NULL,
    provider_hint TEXT COLLATE "C",
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('viewer', 'editor')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'accepted', 'revoked')),
    invited_by_actor_label TEXT COLLATE "C" NOT NULL,
    accepted_by_principal TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    expires_text TEXT COLLATE "C",
    expires_ms BIGINT,
    accepted_ms BIGINT,
    revoked_ms BIGINT,
    revoked_by_actor_label TEXT COLLATE "C"
);
CREATE INDEX invites_by_email ON invites (email, status);
CREATE INDEX invites_by_notebook ON invites (notebook_id, created_ms DESC);
CREATE UNIQUE INDEX invites_one_pending
    ON invites (notebook_id, email, scope, COALESCE(provider_hint, '')) WHERE status = 'pending';

CREATE TABLE access_requests (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    notebook_id TEXT COLLATE "C" NOT NULL REFERENCES notebooks (id) ON DELETE CASCADE,
    requester_principal TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope = 'editor'),
    status TEXT COLLATE "C" NOT NULL
        CHECK (status IN ('pending', 'approved', 'denied', 'dismissed')),
    requested_by_actor_label TEXT COLLATE "C" NOT NULL,
    resolved_by_actor_label TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    resolved_ms BIGINT
);
CREATE INDEX access_requests_by_notebook ON access_requests (notebook_id, created_ms DESC);
CREATE INDEX access_requests_by_requester
    ON access_requests (requester_principal, notebook_id, created_ms DESC);
CREATE UNIQUE INDEX access_requests_one_pending
    ON access_requests (notebook_id, requester_principal, scope) WHERE status = 'pending';
