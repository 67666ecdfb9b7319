use documents::{NotebookDoc, RuntimeStateDoc};
use http::{Method, header};
use serde_json::{Value, json};
use store::Notebooks as _;

use crate::testing::{TestApp, request};

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];
const DOC: &str = "runtime:of-a-client";

/// A client that publishes: its documents, and a notebook on the server.
struct Publisher {
    app: TestApp,
    id: String,
}

fn cells(blob: Option<&str>, doc_id: &str) -> Vec<u8> {
    let mut notebook = NotebookDoc::hosted_bootstrap("of-a-client").unwrap();
    if let Some(blob) = blob {
        let id = notebook.cell_ids().remove(0);
        notebook.set_execution_id(&id, Some("e")).unwrap();
        assert_eq!(blob.len(), 64);
    }
    let mut doc = notebook.into_doc();
    automerge::transaction::Transactable::put(
        &mut doc,
        automerge::ROOT,
        "runtime_state_doc_id",
        doc_id,
    )
    .unwrap();
    doc.save()
}

fn outputs(blobs: usize) -> (Vec<u8>, Vec<String>) {
    let mut runtime = RuntimeStateDoc::from_seed("user:dev:ada/cli:publish").unwrap();
    let mut hashes = Vec::new();
    let mut all = Vec::new();
    for n in 0..blobs {
        let hash = documents::manifest::sha256_hex(n.to_string().as_bytes());
        all.push(json!({
            "output_id": format!("o{n}"), "output_type": "display_data", "metadata": {},
            "data": { "image/png": { "blob": hash, "size": 7 } },
        }));
        hashes.push(hash);
    }
    runtime.import_execution("e", Some(1), true, &all).unwrap();
    hashes.sort();
    (runtime.save(), hashes)
}

impl Publisher {
    async fn new() -> Self {
        let app = TestApp::with_dev_identity().await;
        let (_, made) = app.call(Method::POST, "/api/n", &ADA, "").await;
        let id = made["notebook_id"].as_str().unwrap().to_owned();
        Self { app, id }
    }

    async fn put(&self, what: &str, headers: &[(&str, &str)], bytes: Vec<u8>) -> (u16, Value) {
        let path = format!("/api/n/{}/{what}", self.id);
        let mut all = ADA.to_vec();
        all.extend_from_slice(headers);
        self.app.call(Method::PUT, &path, &all, bytes).await
    }

    async fn runtime(&self, bytes: Vec<u8>) -> (u16, Value) {
        self.put(
            "runtime-snapshots/heads-r",
            &[("x-runtime-state-doc-id", DOC)],
            bytes,
        )
        .await
    }

    async fn publish(&self, more: &[(&str, &str)], bytes: Vec<u8>) -> (u16, Value) {
        let mut headers = vec![
            ("x-runtime-state-doc-id", DOC),
            ("x-runtime-heads-hash", "heads-r"),
        ];
        headers.extend_from_slice(more);
        self.put("snapshots/heads-n", &headers, bytes).await
    }

    async fn shown(&self) -> Value {
        let path = format!("/api/n/{}", self.id);
        self.app.call(Method::GET, &path, &ADA[..1], "").await.1
    }
}

/// A file of the specs' vectors.
fn vector(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// Publishes the specs' sample, as a client that knows of no room does; the answer.
async fn publish_sample(publisher: &Publisher) -> Value {
    const SAMPLE: &str = "runtime:6f1d3c2a-9b7e-4c55-8a21-0d9e4f7b1c33";
    let doc = ("x-runtime-state-doc-id", SAMPLE);
    let png = vector("sample_blob.png");
    let blob = format!("blobs/{}", documents::manifest::sha256_hex(&png));
    for (what, bytes) in [
        (
            "runtime-snapshots/heads-r",
            vector("sample_runtime_state.am"),
        ),
        ("comms-snapshots/heads-c", vector("sample_comms.am")),
        (blob.as_str(), png),
    ] {
        let (status, answer) = publisher.put(what, &[doc], bytes).await;
        // A blob that is there already is 200.
        assert!(status == 201 || status == 200, "{what}: {answer}");
    }
    let heads = [
        doc,
        ("x-runtime-heads-hash", "heads-r"),
        ("x-comms-heads-hash", "heads-c"),
    ];
    let cells = vector("sample_notebook.am");
    let (status, answer) = publisher.put("snapshots/heads-n", &heads, cells).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

/// The sources of the cells, and how many outputs they show.
async fn download(app: &TestApp, id: &str) -> (Vec<String>, usize) {
    let path = format!("/api/n/{id}/download");
    let (status, file) = app.call(Method::GET, &path, &ADA[..1], "").await;
    assert_eq!(status, 200, "{file}");
    let cells = file["cells"].as_array().unwrap();
    let outputs = |cell: &Value| cell["outputs"].as_array().map_or(0, Vec::len);
    let source = |cell: &Value| match &cell["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().unwrap().to_owned(),
    };
    (
        cells.iter().map(source).collect(),
        cells.iter().map(outputs).sum(),
    )
}

// RP 4.10: who opens a notebook that was published into sees what was published.
#[tokio::test]
async fn a_new_notebook_shows_what_is_published_into_it() {
    let publisher = Publisher::new().await;
    assert_eq!(publish_sample(&publisher).await["in_room"], true);
    let (sources, outputs) = download(&publisher.app, &publisher.id).await;
    assert_eq!(sources, ["print(\"hello\")", "plot()", "1/0"]);
    assert_eq!(outputs, 3);
    let stored = publisher.app.catalog().notebook(&publisher.id).await;
    assert_eq!(stored.unwrap().unwrap().room_epoch, 2);
    // What the room has already is no reason to send anybody away.
    assert_eq!(publish_sample(&publisher).await["in_room"], true);
    let stored = publisher.app.catalog().notebook(&publisher.id).await;
    assert_eq!(stored.unwrap().unwrap().room_epoch, 2);
    // Its author goes on where they were.
    let mut more = automerge::AutoCommit::load(&vector("sample_notebook.am")).unwrap();
    let cell = NotebookDoc::from_doc(more.clone()).cell_ids().remove(0);
    let mut notebook = NotebookDoc::from_doc(more.fork());
    notebook.replace_source(&cell, "print(2)").unwrap();
    let heads = [
        (
            "x-runtime-state-doc-id",
            "runtime:6f1d3c2a-9b7e-4c55-8a21-0d9e4f7b1c33",
        ),
        ("x-runtime-heads-hash", "heads-r"),
    ];
    let (_, answer) = publisher
        .put("snapshots/heads-m", &heads, notebook.save())
        .await;
    assert_eq!(answer["in_room"], true, "{answer}");
    let (sources, outputs) = download(&publisher.app, &publisher.id).await;
    assert_eq!((sources[0].as_str(), outputs), ("print(2)", 3));
}

// Nobody's work is lost for a publication.
#[tokio::test]
async fn a_notebook_with_cells_of_its_own_keeps_them() {
    let app = TestApp::with_dev_identity().await;
    let file = String::from_utf8(vector("sample.ipynb")).unwrap();
    let content: Value = serde_json::from_str(&file).unwrap();
    let body = json!({ "content": content }).to_string();
    let mut headers = ADA.to_vec();
    headers.push(("content-type", "application/json"));
    let (_, made) = app.call(Method::POST, "/api/n", &headers, body).await;
    let id = made["notebook_id"].as_str().unwrap().to_owned();
    let publisher = Publisher { app, id };
    let before = download(&publisher.app, &publisher.id).await;
    assert_eq!(publish_sample(&publisher).await["in_room"], false);
    assert_eq!(download(&publisher.app, &publisher.id).await, before);
}

// CP-304
#[tokio::test]
async fn cp_304_only_owner_scope_publishes() {
    let publisher = Publisher::new().await;
    for (what, text) in [
        (
            "runtime-snapshots/h",
            "editor cannot publish runtime snapshots",
        ),
        ("comms-snapshots/h", "editor cannot publish comms snapshots"),
        ("snapshots/h", "editor cannot publish snapshots"),
    ] {
        let path = format!("/api/n/{}/{what}", publisher.id);
        let editor = [("x-user", "ada"), ("x-scope", "editor")];
        let (status, body) = publisher.app.call(Method::PUT, &path, &editor, "x").await;
        assert_eq!((status, &body["error"]), (403, &json!(text)));
        let (status, _) = publisher.app.call(Method::POST, &path, &ADA, "x").await;
        assert_eq!(status, 405, "{what}");
        // A notebook that is not there is not made by publishing (HAZ-20).
        let (status, _) = publisher
            .app
            .call(Method::PUT, &format!("/api/n/nowhere/{what}"), &ADA, "x")
            .await;
        assert_eq!(status, 404, "{what}");
    }
}

// CP-305 CP-306
#[tokio::test]
async fn cp_305_the_documents_are_named_in_headers() {
    let publisher = Publisher::new().await;
    let doc_id = json!("X-Runtime-State-Doc-Id header is required");
    for what in ["runtime-snapshots/h", "comms-snapshots/h", "snapshots/h"] {
        for headers in [&[][..], &[("x-runtime-state-doc-id", " none ")]] {
            let (status, body) = publisher.put(what, headers, Vec::new()).await;
            assert_eq!((status, &body["error"]), (400, &doc_id), "{what}");
        }
    }
    for what in ["runtime-snapshots/h", "comms-snapshots/h"] {
        let path = format!("/api/n/{}/{what}", publisher.id);
        let (status, body) = publisher.app.call(Method::GET, &path, &ADA, "").await;
        assert_eq!((status, &body["error"]), (400, &doc_id), "{what}");
    }
    let headers = [
        ("x-runtime-state-doc-id", DOC),
        ("x-runtime-heads-hash", "none"),
    ];
    let (status, body) = publisher.put("snapshots/h", &headers, Vec::new()).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("X-Runtime-Heads-Hash header is required"))
    );
    publisher.runtime(outputs(0).0).await;
    let (status, body) = publisher
        .publish(&[("x-comms-heads-hash", "none")], cells(None, DOC))
        .await;
    assert_eq!((status, &body["comms_snapshot_key"]), (201, &Value::Null));
}

// CP-307 CP-309
#[tokio::test]
async fn cp_307_the_notebook_comes_last() {
    let publisher = Publisher::new().await;
    let (status, body) = publisher.publish(&[], cells(None, DOC)).await;
    assert_eq!(status, 424);
    assert_eq!(
        body["error"],
        "snapshot publish missing runtime-state snapshot"
    );
    assert_eq!(body["runtime_heads_hash"], "heads-r");
    publisher.runtime(outputs(0).0).await;
    let (status, body) = publisher
        .publish(&[("x-comms-heads-hash", "heads-c")], cells(None, DOC))
        .await;
    assert_eq!(status, 424);
    assert_eq!(body["error"], "snapshot publish missing comms-doc snapshot");
    let path = format!("/api/n/{}/snapshots/heads-n", publisher.id);
    let (status, body) = publisher.app.call(Method::GET, &path, &ADA, "").await;
    assert_eq!(
        (status, &body["error"]),
        (404, &json!("snapshot not found"))
    );
    let shown = publisher.shown().await;
    assert_eq!(shown["notebook"]["latest_revision_id"], Value::Null);
    assert_eq!(shown["revisions"], json!([]));
}

// CP-308
#[tokio::test]
async fn cp_308_what_does_not_fit_together_is_refused() {
    let publisher = Publisher::new().await;
    publisher.runtime(outputs(0).0).await;
    for bytes in [b"no document".to_vec(), outputs(0).0, Vec::new()] {
        let (status, body) = publisher.publish(&[], bytes).await;
        assert_eq!(status, 422, "{body}");
        assert_eq!(body["error"], "snapshot pair validation failed");
        assert!(body["details"].is_string());
    }
    let (status, body) = publisher.publish(&[], cells(None, "runtime:other")).await;
    assert_eq!(status, 409);
    assert_eq!(body["expected_runtime_state_doc_id"], DOC);
    assert_eq!(body["actual_runtime_state_doc_id"], "runtime:other");
    let (bytes, hashes) = outputs(3);
    publisher.runtime(bytes).await;
    let path = format!("/api/n/{}/blobs/{}", publisher.id, hashes[1]);
    let one = (0..3)
        .find(|n: &i32| documents::manifest::sha256_hex(n.to_string().as_bytes()) == hashes[1]);
    publisher
        .app
        .call(Method::PUT, &path, &ADA, one.unwrap().to_string())
        .await;
    let (status, body) = publisher.publish(&[], cells(Some(&hashes[0]), DOC)).await;
    assert_eq!(status, 424);
    let missing = |hash: &str| json!({ "hash": hash, "size": 7, "media_type": "image/png" });
    assert_eq!(
        body["missing_blobs"],
        json!([missing(&hashes[0]), missing(&hashes[2])])
    );
    publisher.runtime(outputs(2001).0).await;
    let (status, body) = publisher.publish(&[], cells(None, DOC)).await;
    assert_eq!(status, 422);
    assert_eq!(body["error"], "snapshot references too many blobs");
    assert_eq!(
        (&body["blob_ref_count"], &body["blob_ref_cap"]),
        (&json!(2001), &json!(2000))
    );
}

// CP-309 CP-310 CP-313: public only when asked for (HAZ-22), private to caches (HAZ-24).
#[tokio::test]
async fn cp_310_a_publishing_becomes_the_latest_and_public_when_asked() {
    let publisher = Publisher::new().await;
    publisher.runtime(outputs(0).0).await;
    let (status, body) = publisher.publish(&[], cells(None, DOC)).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(
        body["key"],
        format!("n/{}/snapshots/heads-n.am", publisher.id)
    );
    assert_eq!(
        publisher.shown().await["notebook"]["latest_revision_id"],
        body["revision_id"]
    );
    let path = format!("/api/n/{}/snapshots/heads-n", publisher.id);
    assert_eq!(publisher.app.call(Method::GET, &path, &[], "").await.0, 404);
    // A failing one leaves the stored object and the latest revision as they are (HAZ-21).
    assert_eq!(publisher.publish(&[], b"broken".to_vec()).await.0, 422);
    let answer = publisher
        .app
        .send(request(Method::GET, &path, &ADA, ""))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, no-cache");
    let etag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
    let mut again = ADA.to_vec();
    again.push(("if-none-match", &etag));
    let same = request(Method::GET, &path, &again, "");
    let same = publisher.app.send(same).await;
    assert_eq!(same.status(), 304);
    assert_eq!(same.headers()[header::ETAG], etag);
    let stored = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    assert_eq!(stored.to_vec(), cells(None, DOC));
    assert_eq!(
        publisher.shown().await["notebook"]["latest_revision_id"],
        body["revision_id"]
    );
    let (status, _) = publisher
        .publish(&[("x-publish-public", "true")], cells(None, DOC))
        .await;
    assert_eq!(status, 201);
    assert_eq!(publisher.app.call(Method::GET, &path, &[], "").await.0, 200);
}

// CP-312
#[tokio::test]
async fn cp_312_a_document_of_another_notebook_is_neither_readable_nor_overwritable() {
    let publisher = Publisher::new().await;
    publisher.runtime(outputs(0).0).await;
    let (_, made) = publisher.app.call(Method::POST, "/api/n", &ADA, "").await;
    let other = format!(
        "/api/n/{}/runtime-snapshots/heads-r",
        made["notebook_id"].as_str().unwrap()
    );
    let headers = [ADA[0], ADA[1], ("x-runtime-state-doc-id", DOC)];
    let (status, body) = publisher
        .app
        .call(Method::PUT, &other, &headers, "mine")
        .await;
    assert_eq!(
        (status, &body["error"]),
        (403, &json!("runtime snapshot belongs to another notebook"))
    );
    let (status, body) = publisher.app.call(Method::GET, &other, &headers, "").await;
    assert_eq!(
        (status, &body["error"]),
        (404, &json!("runtime snapshot not found"))
    );
    // Its own may be written again.
    assert_eq!(publisher.runtime(outputs(1).0).await.0, 201);
}

// CP-088
#[tokio::test]
async fn cp_088_a_snapshot_has_no_head() {
    let publisher = Publisher::new().await;
    let (status, body) = publisher.runtime(outputs(1).0).await;
    assert_eq!(status, 201, "{body}");
    let path = format!("/api/n/{}/runtime-snapshots/heads-r", publisher.id);
    let headers = [ADA[0], ADA[1], ("x-runtime-state-doc-id", DOC)];
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 405)] {
        let answer = publisher
            .app
            .send(request(method.clone(), &path, &headers, ""))
            .await;
        assert_eq!(answer.status().as_u16(), status, "{method}");
    }
}

// CP-324
#[tokio::test]
async fn cp_324_a_public_notebooks_picture_is_for_everybody() {
    let publisher = Publisher::new().await;
    let (runtime, hashes) = outputs(1);
    let blob = format!("blobs/{}", hashes[0]);
    let png = [("content-type", "image/png")];
    let (status, _) = publisher.put(&blob, &png, b"0".to_vec()).await;
    assert_eq!(status, 201);
    assert_eq!(publisher.runtime(runtime).await.0, 201);
    let path = format!("/n/{}/r/latest/ogImage.png", publisher.id);
    let get = async |method| {
        let asked = request(method, &path, &[], "");
        let answer = publisher.app.send(asked).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
    };
    let cells = || cells(Some(&hashes[0]), DOC);
    assert_eq!(publisher.publish(&[], cells()).await.0, 201);
    let (status, _, text) = get(Method::GET).await;
    assert_eq!(status, 404, "a private one has none");
    let text: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text["error"], "notebook image not found");
    let public = [("x-publish-public", "true")];
    assert_eq!(publisher.publish(&public, cells()).await.0, 201);
    for (method, body) in [(Method::GET, "0"), (Method::HEAD, "")] {
        let (status, headers, text) = get(method).await;
        assert_eq!((status, text.as_str()), (200, body));
        assert_eq!(headers[header::CONTENT_TYPE], "image/png");
        assert_eq!(headers[header::CONTENT_LENGTH], "1");
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers[header::ETAG], format!("\"{}\"", hashes[0]));
    }
}
