use axum::body::to_bytes;
use documents::CommsDoc;
use http::Method;
use serde_json::{Value, json};
use store::document_log::{AppendBatch, DocumentKind, DocumentLog as _, RoomKey};

use super::disposition;
use crate::testing::{TestApp, request};

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];

async fn create(app: &TestApp, body: Value) -> (u16, Value) {
    app.call(Method::POST, "/api/n", &ADA, body.to_string())
        .await
}

async fn download(app: &TestApp, id: &str) -> (String, String) {
    let path = format!("/api/n/{id}/download");
    let answer = app.send(request(Method::GET, &path, &ADA[..1], "")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ipynb+json");
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    let disposition = disposition.to_owned();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (String::from_utf8(bytes.to_vec()).unwrap(), disposition)
}

fn id(answer: &Value) -> String {
    answer["notebook_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_notebook_begins_with_its_content_and_is_downloaded_as_the_same_file() {
    let app = TestApp::with_dev_identity().await;
    let text = include_str!("../../../../../tests/vectors/sample.ipynb");
    let content: Value = serde_json::from_str(text).unwrap();
    let (status, answer) = create(&app, json!({ "title": "A b.ipynb", "content": content })).await;
    assert_eq!(status, 201, "{answer}");
    let (file, disposition) = download(&app, &id(&answer)).await;
    assert_eq!(file, text);
    assert_eq!(
        disposition,
        "attachment; filename=\"A b.ipynb\"; filename*=UTF-8''A%20b.ipynb"
    );
    // The picture of an output is a blob of the notebook, readable as any other.
    let path = format!("/api/n/{}", id(&answer));
    let (_, shown) = app.call(Method::GET, &path, &ADA[..1], "").await;
    let hash = shown["blobs"][0]["hash"].as_str().unwrap().to_owned();
    let (status, _) = app
        .call(Method::GET, &format!("{path}/blobs/{hash}"), &ADA[..1], "")
        .await;
    assert_eq!(status, 200);
}

// DOC-202
#[tokio::test]
async fn doc_202_widgets_come_with_the_file_and_go_out_as_they_are_then() {
    let app = TestApp::with_dev_identity().await;
    let long = "x".repeat(2000);
    let model = json!({"model_name": "IntSliderModel", "model_module": "@jupyter-widgets/controls",
        "model_module_version": "2.0.0",
        "state": {"_model_name": "IntSliderModel", "_model_module": "@jupyter-widgets/controls",
            "_model_module_version": "2.0.0", "description": long, "value": 3}});
    let kind = documents::ipynb::WIDGET_STATE_MIME;
    let widgets = json!({kind: {"version_major": 2, "version_minor": 0, "state": {"w": model}}});
    let content =
        json!({"cells": [], "metadata": {"widgets": widgets}, "nbformat": 4, "nbformat_minor": 5});
    let (_, answer) = create(&app, json!({ "content": content })).await;
    let id = id(&answer);
    let metadata = async || {
        let (file, _) = download(&app, &id).await;
        serde_json::from_str::<Value>(&file).unwrap()["metadata"]["widgets"].clone()
    };
    assert_eq!(metadata().await, widgets);
    // Somebody moves the slider.
    let room = RoomKey {
        notebook_id: id.clone(),
        epoch: 1,
    };
    let stored = app.documents().load(&room).await.unwrap();
    let bytes = crate::notebook_file::joined(&stored.documents, DocumentKind::Comms);
    let mut comms = CommsDoc::load(&bytes, "user:dev:ada/browser:tab").unwrap();
    comms
        .merge_state("w", json!({"value": 8}).as_object().unwrap())
        .unwrap();
    let changes = vec![(DocumentKind::Comms, comms.save())];
    let batch = AppendBatch { room, changes };
    app.documents().submit(batch).await.unwrap().await.unwrap();
    let mut expected = widgets.clone();
    expected[kind]["state"]["w"]["state"]["value"] = json!(8);
    assert_eq!(metadata().await, expected);
}

#[tokio::test]
async fn a_notebook_that_nobody_opened_is_a_file_too() {
    let app = TestApp::with_dev_identity().await;
    let (_, answer) = create(&app, json!({})).await;
    let (file, disposition) = download(&app, &id(&answer)).await;
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["cells"].as_array().unwrap().len(), 1);
    assert!(disposition.starts_with("attachment; filename=\"notebook.ipynb\""));
}

#[tokio::test]
async fn only_readers_download() {
    let app = TestApp::with_dev_identity().await;
    let (_, answer) = create(&app, json!({})).await;
    let path = format!("/api/n/{}/download", id(&answer));
    let (status, _) = app.call(Method::GET, &path, &[("x-user", "eve")], "").await;
    assert_eq!(status, 403);
    let (status, _) = app.call(Method::GET, &path, &[], "").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn content_that_is_no_notebook_creates_nothing() {
    let app = TestApp::with_dev_identity().await;
    for content in [
        json!({}),
        json!("{}"),
        json!({ "cells": [{ "id": "a", "cell_type": "heading" }] }),
    ] {
        let (status, answer) = create(&app, json!({ "content": content })).await;
        assert_eq!(status, 400, "{content}: {answer}");
        assert!(answer["error"].as_str().unwrap().starts_with("content"));
    }
    let huge = "x".repeat(33 * 1024 * 1024);
    let (status, _) = create(&app, json!({ "content": { "cells": [], "x": huge } })).await;
    assert_eq!(status, 413);
    let (_, list) = app.call(Method::GET, "/api/n", &ADA[..1], "").await;
    assert_eq!(list["total_count"], 0);
}

#[tokio::test]
async fn a_blob_of_another_notebook_does_not_ride_along() {
    let app = TestApp::with_dev_identity().await;
    let secret = "s".repeat(2000);
    let output = json!({ "output_type": "stream", "name": "stdout", "text": secret });
    let cell = |output: &Value| json!({ "cells": [{ "cell_type": "code", "id": "a", "outputs": [output] }] });
    create(&app, json!({ "content": cell(&output) })).await;
    let hash = documents::manifest::sha256_hex(secret.as_bytes());
    let claim = json!({ "output_type": "display_data", "metadata": {}, "data": {
        "application/vnd.nteract.blob-ref+json":
            { "hash": hash, "content_type": "text/plain", "size": 2000 } } });
    let (status, answer) = create(&app, json!({ "content": cell(&claim) })).await;
    assert_eq!(status, 201, "{answer}");
    let (file, _) = download(&app, &id(&answer)).await;
    assert!(!file.contains("sss"), "{file}");
}

#[test]
fn names_of_files_cannot_leave_the_header() {
    assert_eq!(
        disposition("a\"/\r\nb\u{e9}"),
        "attachment; filename=\"a____b_.ipynb\"; filename*=UTF-8''a%22___b%C3%A9.ipynb"
    );
}
