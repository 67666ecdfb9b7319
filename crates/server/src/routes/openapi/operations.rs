//! What each route is for, and what it takes: one entry for each line of the router's table.

mod workstations;

use wire::blob_batch::MAX_BLOBS;

/// A route, described.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) body: Body,
}

/// What a request brings.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing that counts.
    None,
    /// Bytes of any kind.
    Bytes,
    /// A JSON object.
    Json(&'static [Field]),
}

/// A member of an object. Each also goes by its camelCase name (CP 2.2).
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What a member holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// A whole number, zero or more.
    Whole,
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object of a kind described elsewhere.
    Object,
    /// At most so many SHA-256.
    Hashes(usize),
    /// Objects.
    Objects(&'static [Field]),
}

const fn route(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        summary,
        query: &[],
        body: Body::None,
    }
}

impl Operation {
    const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    const fn json(mut self, fields: &'static [Field]) -> Self {
        self.body = Body::Json(fields);
        self
    }

    const fn bytes(mut self) -> Self {
        self.body = Body::Bytes;
        self
    }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
    }
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
    }
}

const ACL_CHANGE: &[Field] = &[
    may("subject_kind", Kind::OneOf(&["principal", "public"])),
    may("subject", Kind::Text(512)),
    may(
        "scope",
        Kind::OneOf(&["viewer", "editor", "runtime_peer", "owner"]),
    ),
    may("may_run", Kind::Flag),
];
const INVITE: &[Field] = &[
    must("email", Kind::Text(320)),
    may("scope", Kind::OneOf(&["viewer", "editor"])),
];
/// Every route.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().chain(workstations::OPERATIONS)
}

const OPERATIONS: &[Operation] = &[
    route("GET", "/healthz", "The process answers."),
    route(
        "GET",
        "/readyz",
        "The process can do its work: each check by name.",
    ),
    route(
        "GET",
        "/api/health",
        "The service, its build and its ways to sign in.",
    ),
    route("GET", "/api/openapi.json", "This document."),
    route(
        "GET",
        "/api/config",
        "What the page must know before anybody is signed in.",
    ),
    route(
        "GET",
        "/api/auth/session",
        "The browser's session, if there is one.",
    ),
    route(
        "POST",
        "/api/auth/session",
        "Exchanges a provider's token for a session.",
    ),
    route("DELETE", "/api/auth/session", "Signs the browser out."),
    route(
        "GET",
        "/api/auth/sessions",
        "The caller's sessions, one for each device.",
    ),
    route(
        "DELETE",
        "/api/auth/sessions",
        "Ends all sessions but the one that asks.",
    ),
    route(
        "DELETE",
        "/api/auth/sessions/{session_id}",
        "Ends one session.",
    ),
    route("GET", "/api/auth/tokens", "The caller's API tokens."),
    route(
        "POST",
        "/api/auth/tokens",
        "Makes an API token; its secret is shown once.",
    )
    .json(&[
        must("name", Kind::Text(160)),
        may("scope", Kind::OneOf(&["viewer", "editor", "owner"])),
        may("expires_in_days", Kind::Whole),
    ]),
    route(
        "DELETE",
        "/api/auth/tokens/{token_id}",
        "Revokes an API token.",
    ),
    route(
        "GET",
        "/api/audit",
        "What the caller did, and what was done to them.",
    )
    .query(&["limit", "before"]),
    route("GET", "/api/n", "The notebooks that name the caller.")
        .query(&["limit", "view", "q", "cursor"]),
    route(
        "POST",
        "/api/n",
        "Creates a notebook, perhaps with content.",
    )
    .json(&[
        may("title", Kind::Text(160)),
        may("vanity_name", Kind::Text(128)),
        may("source_notebook_id", Kind::Text(128)),
        may("source_notebook_name", Kind::Text(160)),
        may("content", Kind::Object),
    ]),
    route(
        "GET",
        "/api/n/{notebook_id}",
        "A notebook's row, its blobs, and what the caller may do.",
    ),
    route("PATCH", "/api/n/{notebook_id}", "Renames a notebook.")
        .json(&[must("title", Kind::Text(160))]),
    route(
        "DELETE",
        "/api/n/{notebook_id}",
        "Deletes a notebook that is in the trash, for good.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/trash",
        "Puts a notebook in the trash.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/restore",
        "Takes a notebook out of the trash.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/duplicate",
        "Makes a notebook with the same content.",
    )
    .json(&[may("title", Kind::Text(160))]),
    route(
        "GET",
        "/api/n/{notebook_id}/revisions",
        "The versions of a notebook.",
    )
    .query(&["limit", "cursor"]),
    route("POST", "/api/n/{notebook_id}/revisions", "Keeps a version.")
        .json(&[may("label", Kind::Text(160))]),
    route(
        "GET",
        "/api/n/{notebook_id}/revisions/{revision}",
        "A version.",
    ),
    route(
        "DELETE",
        "/api/n/{notebook_id}/revisions/{revision}",
        "Deletes a version.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/revisions/{revision}/restore",
        "Begins a version anew as a notebook.",
    )
    .json(&[may("title", Kind::Text(160))]),
    route(
        "GET",
        "/api/n/{notebook_id}/revisions/{revision}/documents/{document}",
        "A document of a version.",
    ),
    route(
        "GET",
        "/api/n/{notebook_id}/snapshots/{hash}",
        "A stored snapshot of the notebook.",
    ),
    route(
        "PUT",
        "/api/n/{notebook_id}/snapshots/{hash}",
        "Stores a snapshot of the notebook.",
    )
    .bytes(),
    route(
        "GET",
        "/api/n/{notebook_id}/runtime-snapshots/{hash}",
        "A stored snapshot of the runtime state.",
    ),
    route(
        "PUT",
        "/api/n/{notebook_id}/runtime-snapshots/{hash}",
        "Stores a snapshot of the runtime state.",
    )
    .bytes(),
    route(
        "GET",
        "/api/n/{notebook_id}/comms-snapshots/{hash}",
        "A stored snapshot of the widgets.",
    ),
    route(
        "PUT",
        "/api/n/{notebook_id}/comms-snapshots/{hash}",
        "Stores a snapshot of the widgets.",
    )
    .bytes(),
    route(
        "GET",
        "/api/n/{notebook_id}/audit",
        "What happened to a notebook; for its owners.",
    )
    .query(&["limit", "before"]),
    route("GET", "/api/n/{notebook_id}/acl", "Who may do what."),
    route("POST", "/api/n/{notebook_id}/acl", "Grants access.").json(ACL_CHANGE),
    route("DELETE", "/api/n/{notebook_id}/acl", "Takes access away.").json(ACL_CHANGE),
    route(
        "GET",
        "/api/n/{notebook_id}/author-profiles",
        "Names of the people who wrote the comments.",
    )
    .query(&["actor_label"]),
    route(
        "GET",
        "/n/{notebook_id}/r/latest/ogImage.png",
        "The picture of a public notebook.",
    ),
    route(
        "GET",
        "/api/n/{notebook_id}/download",
        "The notebook as an .ipynb file.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/runtime-state-repair",
        "Ends work that nothing runs any more.",
    )
    .json(&[may("reason", Kind::Text(240)), may("force", Kind::Flag)]),
    route(
        "GET",
        "/api/n/{notebook_id}/invites",
        "Who was invited by address.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/invites",
        "Invites somebody by e-mail address.",
    )
    .json(INVITE),
    route(
        "DELETE",
        "/api/n/{notebook_id}/invites/{invite_id}",
        "Takes an invite back.",
    ),
    route(
        "GET",
        "/api/n/{notebook_id}/access-requests",
        "Who asked to edit; for its owners.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/access-requests",
        "Asks an owner to let the caller edit; also for those who cannot look yet.",
    ),
    route(
        "POST",
        "/api/n/{notebook_id}/access-requests/{request_id}",
        "Answers who asked.",
    )
    .json(&[must("action", Kind::OneOf(&["approve", "deny", "dismiss"]))]),
    route(
        "POST",
        "/api/n/{notebook_id}/blobs",
        "Stores many small blobs at once.",
    )
    .bytes(),
    route(
        "POST",
        "/api/n/{notebook_id}/blobs/read",
        "The bytes of many small blobs at once.",
    )
    .json(&[must("hashes", Kind::Hashes(MAX_BLOBS))]),
    route(
        "GET",
        "/api/n/{notebook_id}/blobs/{hash}",
        "The bytes of a blob.",
    ),
    route(
        "HEAD",
        "/api/n/{notebook_id}/blobs/{hash}",
        "Whether a blob is there, and how large.",
    ),
    route(
        "PUT",
        "/api/n/{notebook_id}/blobs/{hash}",
        "Stores a blob under its SHA-256.",
    )
    .bytes(),
    route(
        "GET",
        "/n/{notebook_id}/r/{revision}",
        "The page of one version.",
    ),
    route("GET", "/n/{notebook_id}/sync", "The room's WebSocket."),
    route(
        "GET",
        "/oidc/sign-in",
        "Leads the browser to the identity provider.",
    )
    .query(&["next"]),
    route(
        "GET",
        "/oidc",
        "Where the identity provider leads it back to.",
    )
    .query(&["code", "state", "error"]),
    route(
        "PATCH",
        "/api/n/{notebook_id}/compute",
        "Sets after how many minutes unused compute stops.",
    )
    .json(&[must("idle_minutes", Kind::Whole)]),
    route(
        "POST",
        "/api/n/{notebook_id}/workstation-attachments",
        "Attaches a workstation to a notebook.",
    )
    .json(&[
        may("workstation_id", Kind::Text(128)),
        may("action", Kind::Text(80)),
        may("environment_id", Kind::Text(128)),
        may("working_directory", Kind::Text(1024)),
    ]),
    route(
        "GET",
        "/api/downloads",
        "What this server offers to other machines: archives of programs.",
    ),
    route(
        "GET",
        "/downloads/{file}",
        "An archive, or SHA256SUMS of all.",
    ),
    route(
        "GET",
        "/install.sh",
        "The script that installs runt and pairs a machine.",
    ),
    route("GET", "/sign-in", "Signs in by a one-time link.").query(&["token", "next"]),
    route("GET", "/", "The page."),
    route("GET", "/index.html", "The page."),
    route("GET", "/n", "The page."),
    route("GET", "/n/{notebook_id}", "The page of a notebook."),
    route("GET", "/n/{notebook_id}/{slug}", "The page of a notebook."),
    route("GET", "/workstations", "The page of the workstations."),
    route("GET", "/account", "The page of the account."),
    route("GET", "/assets/{*path}", "Files of the page."),
    route("GET", "/favicon.svg", "The page's icon."),
];
