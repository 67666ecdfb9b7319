//! Every route × every kind of credential × every scope, against the table in
//! `tests/access_matrix.tsv`.
//!
//! A cell is the status of the answer to somebody who holds that scope on the notebook of the
//! path and asks for it, with an empty JSON object as body and ids of nothing: whoever passes the
//! doors gets 2xx, 400, 404 or 409, others 401 or 403 (or 404 where the notebook is not theirs to
//! know). A new route has no row and fails the test. `UPDATE_ACCESS_MATRIX=1` writes the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use http::{Method, header};
use serde_json::{Value, json};
use store::{AttachJobs as _, NewAclRow, NewAttachJob, Notebooks as _, SubjectKind};
use wire::http::{JobStatus, JobTrigger};

use crate::identity::session::{self, OWNER_PRINCIPAL};
use crate::routes::{Route, pages, table};
use crate::testing::{TestApp, request};

const TABLE: &str = "tests/access_matrix.tsv";
const SCOPES: [&str; 5] = ["none", "viewer", "editor", "runtime_peer", "owner"];
/// What leaves a notebook other than it was to the one who asks next: each gets a fresh one.
const CHANGING: [&str; 2] = ["/trash", "/access-requests"];
const ADA: &str = "user:dev:ada";
const STATION: &str = "ws-matrix";

/// The kinds of credential; an API token once for each scope that it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nobody,
    Development,
    Cookie,
    Token(&'static str),
    Workstation,
    /// Of a job in the notebook of the path.
    RoomToken,
}

const KINDS: [Kind; 8] = [
    Kind::Nobody,
    Kind::Development,
    Kind::Cookie,
    Kind::Token("viewer"),
    Kind::Token("editor"),
    Kind::Token("owner"),
    Kind::Workstation,
    Kind::RoomToken,
];

impl Kind {
    fn name(self) -> String {
        match self {
            Self::Nobody => "nobody".into(),
            Self::Development => "development".into(),
            Self::Cookie => "cookie".into(),
            Self::Token(scope) => format!("token:{scope}"),
            Self::Workstation => "workstation".into(),
            Self::RoomToken => "room-token".into(),
        }
    }

    fn principal(self) -> &'static str {
        if self == Self::Cookie {
            OWNER_PRINCIPAL
        } else {
            ADA
        }
    }
}

struct Matrix {
    app: TestApp,
    bearers: BTreeMap<String, String>,
    /// A notebook for each principal and scope.
    notebooks: BTreeMap<(String, &'static str), String>,
    /// A room token for each notebook.
    room_tokens: BTreeMap<String, String>,
    /// A browser's session.
    session: String,
}

impl Matrix {
    async fn new() -> Self {
        let app = TestApp::with_dev_identity().await;
        let person = [("x-user", "ada"), ("x-scope", "owner")];
        let mut bearers = BTreeMap::new();
        for kind in KINDS {
            if let Kind::Token(scope) = kind {
                let body = json!({"name": "matrix", "scope": scope}).to_string();
                let (_, made) = app
                    .call(Method::POST, "/api/auth/tokens", &person, body)
                    .await;
                bearers.insert(kind.name(), text(&made["token"]));
            }
        }
        let codes = "/api/workstations/pairing-codes";
        let (_, minted) = app.call(Method::POST, codes, &person, "").await;
        let body = json!({"code": minted["pairing"]["code"]}).to_string();
        let redeem = format!("{codes}/redeem");
        let (_, redeemed) = app.call(Method::POST, &redeem, &[], body).await;
        let token = text(&redeemed["credential"]["token"]);
        let bearer = format!("Bearer {token}");
        let machine = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = json!({"workstation_id": STATION}).to_string();
        app.call(Method::POST, "/api/workstations", &machine, body)
            .await;
        bearers.insert(Kind::Workstation.name(), token);
        let session = cookie(&app).await;
        Self {
            app,
            bearers,
            notebooks: BTreeMap::new(),
            room_tokens: BTreeMap::new(),
            session,
        }
    }

    /// A notebook of somebody else's on which `principal` holds `scope`.
    async fn notebook(&mut self, principal: &str, scope: &'static str, fresh: bool) -> String {
        let key = (principal.to_owned(), scope);
        if let Some(id) = self.notebooks.get(&key).filter(|_| !fresh) {
            return id.clone();
        }
        let boss = [
            ("x-user", "boss"),
            ("x-scope", "owner"),
            ("content-type", "application/json"),
        ];
        let (_, made) = self.app.call(Method::POST, "/api/n", &boss, "{}").await;
        let id = text(&made["notebook_id"]);
        if scope != "none" {
            let row = NewAclRow {
                notebook_id: id.clone(),
                subject_kind: SubjectKind::Principal,
                subject: principal.to_owned(),
                scope: scope.to_owned(),
                may_run: false,
                actor_label: "system/matrix".to_owned(),
                now_ms: self.app.now_ms(),
            };
            self.app.catalog().grant(&row).await.unwrap();
        }
        if !fresh {
            self.notebooks.insert(key, id.clone());
        }
        id
    }

    async fn ask(&mut self, route: &Route, kind: Kind, scope: &'static str) -> u16 {
        let fresh = CHANGING.iter().any(|end| route.path.ends_with(end));
        let id = if route.path.contains("{notebook_id}") || kind == Kind::RoomToken {
            self.notebook(kind.principal(), scope, fresh).await
        } else {
            String::new()
        };
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("origin", "http://127.0.0.1:8080".to_owned()),
        ];
        if scope != "none" {
            headers.push(("x-scope", scope.to_owned()));
        }
        match kind {
            Kind::Nobody => {}
            Kind::Development => headers.push(("x-user", "ada".to_owned())),
            Kind::Cookie => {
                // Some routes end the session that they are asked with, or all.
                if scope == SCOPES[0] || route.path.starts_with("/api/auth/session") {
                    self.session = cookie(&self.app).await;
                }
                headers.push(("cookie", self.session.clone()));
            }
            Kind::Token(_) | Kind::Workstation => {
                let token = &self.bearers[&kind.name()];
                headers.push(("authorization", format!("Bearer {token}")));
            }
            Kind::RoomToken => {
                let token = self.room_token(&id).await;
                headers.push(("authorization", format!("Bearer {token}")));
            }
        }
        let mut path = filled(route.path, &id);
        if route.path.ends_with("/sync") || route.path.ends_with("/events") {
            // Without a connection under it an accepted upgrade ends as 426.
            headers.extend([
                ("connection", "upgrade".to_owned()),
                ("upgrade", "websocket".to_owned()),
                ("sec-websocket-version", "13".to_owned()),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
            ]);
            if kind == Kind::Cookie && scope != "none" {
                let _ = write!(path, "?scope={scope}");
            }
        }
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let asked = request(route.method.clone(), &path, &headers, "{}");
        self.app.send(asked).await.status().as_u16()
    }

    /// A token of a job of Ada's in a notebook.
    async fn room_token(&mut self, notebook: &str) -> String {
        if let Some(token) = self.room_tokens.get(notebook) {
            return token.clone();
        }
        let (catalog, now_ms) = (self.app.catalog(), self.app.now_ms());
        let job = NewAttachJob {
            id: uuid::Uuid::new_v4().to_string(),
            notebook_id: notebook.to_owned(),
            owner_principal: ADA.to_owned(),
            workstation_id: STATION.to_owned(),
            trigger: JobTrigger::UserAttach,
            actor_label: "system/matrix".to_owned(),
            now_ms,
        };
        let made = catalog.create_or_join_job(&job, false, "").await.unwrap();
        let id = made.job.id;
        let status = JobStatus::Accepted;
        catalog
            .report_job(ADA, STATION, &id, status, None, now_ms)
            .await
            .unwrap();
        let path = format!("/api/workstations/{STATION}/attach-jobs/{id}/room-token");
        let bearer = format!("Bearer {}", self.bearers[&Kind::Workstation.name()]);
        let machine = [("authorization", bearer.as_str())];
        let (_, issued) = self.app.call(Method::POST, &path, &machine, "").await;
        let token = text(&issued["room_token"]["token"]);
        self.room_tokens.insert(notebook.to_owned(), token.clone());
        token
    }
}

/// A fresh session's cookie.
async fn cookie(app: &TestApp) -> String {
    let token = session::mint_sign_in_token(app.catalog(), app.now_ms())
        .await
        .unwrap();
    let path = format!("/sign-in?token={token}");
    let answer = app.send(request(Method::GET, &path, &[], "")).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The path with its parameters filled in: the notebook's id, and ids of nothing.
fn filled(path: &str, notebook: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{notebook_id}" => notebook.to_owned(),
        "{hash}" => "a".repeat(64),
        parameter if parameter.starts_with('{') => "nothing".to_owned(),
        plain => plain.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

// CP-008
#[tokio::test]
async fn every_route_every_credential_every_scope() {
    let mut matrix = Matrix::new().await;
    let mut found = format!("route\tcredential\t{}\n", SCOPES.join("\t"));
    let mut files = pages().table();
    files.retain(|route| route.path != "/sign-in");
    for route in table() {
        // The same files for everybody, whether or not they are built in: nothing is asked there.
        if files.contains(&route) {
            let _ = writeln!(found, "{} {}\teverybody", route.method, route.path);
            continue;
        }
        for kind in KINDS {
            let _ = write!(found, "{} {}\t{}", route.method, route.path, kind.name());
            for scope in SCOPES {
                let status = matrix.ask(&route, kind, scope).await;
                assert!(status < 500, "{route:?} {kind:?} {scope}: {status}");
                let _ = write!(found, "\t{status}");
            }
            found.push('\n');
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("UPDATE_ACCESS_MATRIX").is_some() {
        std::fs::write(&file, &found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let differences: Vec<String> = differences(&expected, &found);
    assert!(
        differences.is_empty(),
        "who may do what differs from {TABLE}:\n{}\nHint: if that is meant, run the test with \
         UPDATE_ACCESS_MATRIX=1 and read the difference before you commit it",
        differences.join("\n")
    );
}

/// The lines that only one side has.
fn differences(expected: &str, found: &str) -> Vec<String> {
    let only = |one: &str, other: &str, mark: char| {
        let known: std::collections::BTreeSet<&str> = other.lines().collect();
        one.lines()
            .filter(|line| !known.contains(line))
            .map(|line| format!("{mark} {line}"))
            .collect::<Vec<_>>()
    };
    [only(expected, found, '-'), only(found, expected, '+')].concat()
}
