//! Many blobs by one request: given to whom a `GET` gives each, within limits.

use blob_store::Blob;
use blob_store::testing::S3Server;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use store::{BlobRow, NewAclRow, Notebooks as _, SubjectKind};
use wire::blob_batch::{self, BatchedBlob, MAX_BLOBS, MAX_BYTES, MAX_READ_BYTES};

use super::machines::{attached, report};
use super::room_tokens::exchange;
use super::{World, person};
use crate::settings::Settings;
use crate::testing::{TestApp, request};

struct Answer {
    status: u16,
    headers: HeaderMap,
    blobs: Vec<BatchedBlob>,
    bytes: usize,
}

impl Answer {
    fn hashes(&self) -> Vec<&str> {
        self.blobs.iter().map(|blob| blob.hash.as_str()).collect()
    }
}

async fn ask(app: &TestApp, notebook: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let path = format!("/api/n/{notebook}/blobs/read");
    let answer = app.send(request(Method::POST, &path, headers, body)).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    let bytes = bytes.unwrap();
    let (length, given) = (bytes.len(), status == 200);
    let blobs = given.then(|| blob_batch::decode(bytes).unwrap());
    Answer {
        status,
        headers,
        blobs: blobs.unwrap_or_default(),
        bytes: length,
    }
}

fn named(hashes: &[&str]) -> String {
    json!({ "hashes": hashes }).to_string()
}

/// Keeps a blob as an upload does.
async fn keep(app: &TestApp, notebook: &str, kind: Option<&str>, bytes: Vec<u8>) -> String {
    let size_bytes = bytes.len() as i64;
    let blob = Blob::of(bytes);
    let hash = blob.hash().to_owned();
    app.blobs().keep(blob).await.unwrap();
    record(app, notebook, kind, &hash, size_bytes).await;
    hash
}

async fn record(app: &TestApp, notebook: &str, kind: Option<&str>, hash: &str, size_bytes: i64) {
    let row = BlobRow {
        notebook_id: notebook.to_owned(),
        hash: hash.to_owned(),
        size_bytes,
        content_type: kind.map(str::to_owned),
        uploaded_ms: 1,
    };
    app.catalog().record_blob(&row).await.unwrap();
}

async fn grant(world: &World, notebook: &str, kind: SubjectKind, subject: &str, scope: &str) {
    let row = NewAclRow {
        notebook_id: notebook.to_owned(),
        subject_kind: kind,
        subject: subject.to_owned(),
        scope: scope.to_owned(),
        may_run: false,
        actor_label: "system/test".to_owned(),
        now_ms: 1,
    };
    world.app.catalog().grant(&row).await.unwrap();
}

/// An API token of ada's.
async fn api_token(world: &World, scope: &str) -> String {
    let body = json!({"name": "reads", "scope": scope});
    let made = world.as_person("ada", Method::POST, "/api/auth/tokens", body);
    let (_, made) = made.await;
    format!("Bearer {}", made["token"].as_str().unwrap())
}

/// A notebook with a room token of it, the machine's own token, and the same blob in every notebook named.
struct Cast {
    world: World,
    own: String,
    other: String,
    public: String,
    hash: String,
    room: String,
    machine: String,
}

async fn cast() -> Cast {
    let world = World::new().await;
    let (machine, own, job) = attached(&world).await;
    report(&world, &machine, &job, "accepted").await;
    let (_, issued) = exchange(&world, &machine, &job).await;
    let room = issued["room_token"]["token"].as_str().unwrap();
    let (room, machine) = (format!("Bearer {room}"), format!("Bearer {machine}"));
    let (other, public) = (world.notebook("ada").await, world.notebook("ada").await);
    let mut hash = String::new();
    for notebook in [&own, &other, &public] {
        hash = keep(&world.app, notebook, Some("text/plain"), b"bytes".to_vec()).await;
    }
    let person = SubjectKind::Principal;
    grant(&world, &own, person, "user:dev:bob", "viewer").await;
    // As a job there would have it: what keeps the token of another room out is its room alone.
    grant(&world, &other, person, "user:dev:ada", "runtime_peer").await;
    grant(&world, &public, SubjectKind::Public, "anonymous", "viewer").await;
    Cast {
        world,
        own,
        other,
        public,
        hash,
        room,
        machine,
    }
}

// CP-320
#[tokio::test]
async fn cp_320_whoever_may_get_a_blob_may_read_it_with_others_and_nobody_else() {
    let cast = cast().await;
    let (app, own, other, public) = (&cast.world.app, &cast.own, &cast.other, &cast.public);
    let viewing = api_token(&cast.world, "viewer").await;
    let owning = api_token(&cast.world, "owner").await;
    let user = |name| vec![("x-user", name), ("x-scope", "viewer")];
    let bearer = |token| vec![("authorization", token)];
    let peer = |token| vec![("authorization", token), ("x-scope", "runtime_peer")];
    for (who, notebook, headers, expected) in [
        ("the owner", own, person("ada").to_vec(), 200),
        ("a viewer", own, user("bob"), 200),
        ("a viewer of another notebook", other, user("bob"), 403),
        ("a stranger", own, user("eve"), 403),
        ("a stranger in public", public, user("eve"), 200),
        ("nobody", own, vec![], 404),
        ("nobody in public", public, vec![], 200),
        ("an API token for reading", own, bearer(&*viewing), 200),
        ("an API token for all", own, bearer(&*owning), 200),
        ("a false token", own, bearer("Bearer nonsense"), 401),
        ("a room token of this room", own, peer(&*cast.room), 200),
        ("a room token of another", other, peer(&*cast.room), 403),
        ("a workstation", own, peer(&*cast.machine), 403),
    ] {
        let path = format!("/api/n/{notebook}/blobs/{}", cast.hash);
        let alone = app.send(request(Method::GET, &path, &headers, "")).await;
        let together = ask(app, notebook, &headers, named(&[&cast.hash])).await;
        assert_eq!(
            (alone.status().as_u16(), together.status),
            (expected, expected),
            "{who}"
        );
        assert_eq!(together.blobs.len(), usize::from(expected == 200), "{who}");
    }
    let trash = format!("/api/n/{own}/trash");
    let put = cast
        .world
        .as_person("ada", Method::POST, &trash, Value::Null);
    assert_eq!(put.await.0, 200);
    let answer = ask(app, own, &person("ada"), named(&[&cast.hash])).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let cast = cast().await;
    let answer = async |origin| {
        let mut headers = person("ada").to_vec();
        headers.push(("origin", origin));
        ask(&cast.world.app, &cast.own, &headers, named(&[]))
            .await
            .status
    };
    assert_eq!(answer("https://elsewhere.example").await, 403);
    assert_eq!(answer("http://127.0.0.1:8080").await, 200);
}

// CP-322
#[tokio::test]
async fn cp_322_blobs_come_in_the_order_asked_for_and_only_those_of_the_notebook() {
    let world = World::new().await;
    let (notebook, other) = (world.notebook("ada").await, world.notebook("ada").await);
    let store = async |notebook: &str, kind, text: &str| {
        keep(&world.app, notebook, kind, text.as_bytes().to_vec()).await
    };
    let one = store(&notebook, Some("text/plain"), "one").await;
    let empty = store(&notebook, Some("image/png"), "").await;
    let untyped = store(&notebook, None, "untyped").await;
    let foreign = store(&other, Some("text/plain"), "another notebook's").await;
    let (unknown, lost) = ("0".repeat(64), "1".repeat(64));
    record(&world.app, &notebook, None, &lost, 3).await;
    // Its type is longer than the header of a record may be.
    let long = format!("text/{}", "x".repeat(2000));
    let wordy = store(&notebook, Some(&long), "wordy").await;
    let asked = [
        &*untyped, &unknown, &one, &foreign, &lost, &wordy, &empty, &one,
    ];
    let answer = ask(&world.app, &notebook, &person("ada"), named(&asked)).await;
    assert_eq!(answer.hashes(), [&untyped, &one, &empty]);
    let parts = answer.blobs.iter();
    let parts: Vec<_> = parts
        .map(|blob| (&*blob.media_type, &blob.bytes[..]))
        .collect();
    assert_eq!(
        parts,
        [
            ("application/octet-stream", &b"untyped"[..]),
            ("text/plain", b"one"),
            ("image/png", b""),
        ]
    );
    for (name, value) in [
        ("content-type", blob_batch::MEDIA_TYPE),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
    let answer = ask(&world.app, &notebook, &person("ada"), named(&[])).await;
    assert_eq!((answer.status, answer.bytes), (200, 0));
}

#[tokio::test]
async fn what_is_large_or_beyond_the_body_is_left_out() {
    let world = World::new().await;
    let notebook = world.notebook("ada").await;
    let most = MAX_READ_BYTES as usize;
    let large = keep(&world.app, &notebook, None, vec![7; most + 1]).await;
    let small = keep(&world.app, &notebook, None, vec![7; 10]).await;
    let mut hashes = Vec::new();
    for n in 0..70 {
        hashes.push(keep(&world.app, &notebook, None, vec![n; most]).await);
    }
    let mut asked: Vec<&str> = hashes.iter().map(String::as_str).collect();
    asked.insert(0, &large);
    asked.push(&small);
    let answer = ask(&world.app, &notebook, &person("ada"), named(&asked)).await;
    let fit = MAX_BYTES / (most + 150);
    let mut expected = asked[1..=fit].to_vec();
    expected.push(&small);
    assert_eq!(answer.hashes(), expected);
    assert!(answer.bytes <= MAX_BYTES);
    assert!(answer.blobs.iter().all(|blob| blob.bytes.len() <= most));
}

#[tokio::test]
async fn what_does_not_ask_for_blobs_is_refused() {
    let world = World::new().await;
    let notebook = world.notebook("ada").await;
    let hash = "a".repeat(64);
    let most = vec![&*hash; MAX_BLOBS];
    let more = vec![&*hash; MAX_BLOBS + 1];
    let upper = hash.to_uppercase();
    for (body, expected) in [
        (named(&most), 200),
        (named(&more), 400),
        (named(&["../../secret"]), 400),
        (named(&[&upper]), 400),
        (named(&[&format!("{}\0", &hash[1..])]), 400),
        (json!({"hashes": [1]}).to_string(), 400),
        (json!({"hashes": hash}).to_string(), 400),
        (json!([hash]).to_string(), 400),
        ("{}".to_owned(), 400),
        ("hashes".to_owned(), 400),
        (" ".repeat(17_000), 413),
    ] {
        let answer = ask(&world.app, &notebook, &person("ada"), body.clone()).await;
        assert_eq!(answer.status, expected, "{body}");
    }
}

// What is not there is left out; what cannot be reached is not.
#[tokio::test]
async fn a_bucket_that_is_away_leaves_nothing_out() {
    let store = S3Server::start();
    let settings = Settings {
        dev_identity: true,
        s3: store.bucket("cloud").into(),
        ..Settings::default()
    };
    let world = World {
        app: TestApp::with(settings).await,
    };
    let notebook = world.notebook("ada").await;
    let one = keep(&world.app, &notebook, None, b"one".to_vec()).await;
    let two = keep(&world.app, &notebook, None, b"two".to_vec()).await;
    let ask = async || ask(&world.app, &notebook, &person("ada"), named(&[&two, &one])).await;
    assert_eq!(ask().await.hashes(), [&two, &one]);
    store.away_after(1);
    let answer = ask().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "5");
    store.back();
    assert_eq!(ask().await.blobs.len(), 2);
}
