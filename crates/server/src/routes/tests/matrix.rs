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
use store::{NewAclRow, Notebooks as _, SubjectKind};

use crate::identity::session::{self, OWNER_PRINCIPAL};
use crate::routes::{Route, table};
use crate::testing::{TestApp, request};

const TABLE: &str = "tests/access_matrix.tsv";
const SCOPES: [&str; 5] = ["none", "viewer", "editor", "runtime_peer", "owner"];
const ADA: &str = "user:dev:ada";

/// The kinds of credential; an API token once for each scope that it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nobody,
    Development,
    Cookie,
    Token(&'static str),
    Workstation,
}

const KINDS: [Kind; 7] = [
    Kind::Nobody,
    Kind::Development,
    Kind::Cookie,
    Kind::Token("viewer"),
    Kind::Token("editor"),
    Kind::Token("owner"),
    Kind::Workstation,
];

impl Kind {
    fn name(self) -> String {
        match self {
            Self::Nobody => "nobody".into(),
            Self::Development => "development".into(),
            Self::Cookie => "cookie".into(),
            Self::Token(scope) => format!("token:{scope}"),
            Self::Workstation => "workstation".into(),
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
    /// A notebook for each principal and scope that is only looked at.
    looked_at: BTreeMap<(String, &'static str), String>,
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
        bearers.insert(Kind::Workstation.name(), token);
        Self {
            app,
            bearers,
            looked_at: BTreeMap::new(),
        }
    }

    /// A notebook of somebody else's on which `principal` holds `scope`.
    async fn notebook(&mut self, principal: &str, scope: &'static str, fresh: bool) -> String {
        let key = (principal.to_owned(), scope);
        if let Some(id) = self.looked_at.get(&key).filter(|_| !fresh) {
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
            self.looked_at.insert(key, id.clone());
        }
        id
    }

    async fn ask(&mut self, route: &Route, kind: Kind, scope: &'static str) -> u16 {
        let fresh = !matches!(route.method, Method::GET | Method::HEAD);
        let id = if route.path.contains("{notebook_id}") {
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
            Kind::Cookie => headers.push(("cookie", self.cookie().await)),
            Kind::Token(_) | Kind::Workstation => {
                let token = &self.bearers[&kind.name()];
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

    /// A fresh session's cookie: some routes end what they are asked with.
    async fn cookie(&self) -> String {
        let (catalog, now) = (self.app.catalog(), self.app.now_ms());
        let token = session::mint_sign_in_token(catalog, now).await.unwrap();
        let path = format!("/sign-in?token={token}");
        let answer = self.app.send(request(Method::GET, &path, &[], "")).await;
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
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

#[tokio::test]
async fn every_route_every_credential_every_scope() {
    let mut matrix = Matrix::new().await;
    let mut found = format!("route\tcredential\t{}\n", SCOPES.join("\t"));
    for route in table() {
        for kind in KINDS {
            let _ = write!(found, "{} {}\t{}", route.method, route.path, kind.name());
            for scope in SCOPES {
                let status = matrix.ask(&route, kind, scope).await;
                assert!(
                    status < 500 || status == 503,
                    "{route:?} {kind:?} {scope}: {status}"
                );
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
