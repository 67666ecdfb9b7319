use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];
const UPLOAD: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A notebook whose one output is a blob; its id and the blob's name.
async fn with_output(app: &TestApp, text: &str) -> (String, String) {
    let output = json!({ "output_type": "stream", "name": "stdout", "text": text });
    let cell = json!({ "cell_type": "code", "id": "a", "source": "1", "outputs": [output] });
    let body = json!({ "content": { "cells": [cell] } });
    let (status, made) = app
        .call(Method::POST, "/api/n", &ADA, body.to_string())
        .await;
    assert_eq!(status, 201, "{made}");
    let hash = documents::manifest::sha256_hex(text.as_bytes());
    (made["notebook_id"].as_str().unwrap().to_owned(), hash)
}

fn path(id: &str, hash: &str) -> String {
    format!("/api/n/{id}/blobs/{hash}")
}

async fn upload(app: &TestApp, id: &str, text: &str) -> String {
    let hash = documents::manifest::sha256_hex(text.as_bytes());
    let (status, answer) = app
        .call(Method::PUT, &path(id, &hash), &UPLOAD, text.to_owned())
        .await;
    assert!(status == 201 || status == 200, "{answer}");
    hash
}

async fn is_there(app: &TestApp, id: &str, hash: &str) -> bool {
    app.call(Method::GET, &path(id, hash), &UPLOAD, "").await.0 == 200
}

/// All blobs become as old as asked for.
fn age_files(app: &TestApp, by: Duration) {
    blob_store::testing::age(&app.config().data, by);
}

#[tokio::test]
async fn what_nothing_refers_to_goes_after_the_grace_and_what_something_does_stays() {
    let app = TestApp::with_dev_identity().await;
    let (id, shown) = with_output(&app, &"shown ".repeat(400)).await;
    let stray = upload(&app, &id, "nobody names me").await;
    assert_eq!(sweep(&app, DAY).await.unwrap(), Collected::default());
    app.clock().advance(2 * DAY);
    age_files(&app, 2 * DAY);
    let young = upload(&app, &id, "uploaded just now").await;
    let collected = sweep(&app, DAY).await.unwrap();
    assert_eq!((collected.references, collected.files), (1, 1));
    assert!(!is_there(&app, &id, &stray).await);
    assert!(is_there(&app, &id, &shown).await);
    assert!(is_there(&app, &id, &young).await);
    assert_eq!(sweep(&app, DAY).await.unwrap(), Collected::default());
}

#[tokio::test]
async fn whoever_uploads_again_makes_a_blob_young_again() {
    let app = TestApp::with_dev_identity().await;
    let (id, _) = with_output(&app, "small").await;
    let stray = upload(&app, &id, "nobody names me yet").await;
    app.clock().advance(2 * DAY);
    age_files(&app, 2 * DAY);
    upload(&app, &id, "nobody names me yet").await;
    assert_eq!(sweep(&app, DAY).await.unwrap(), Collected::default());
    assert!(is_there(&app, &id, &stray).await);
}

#[tokio::test]
async fn bytes_stay_while_another_notebook_or_a_revision_has_them() {
    let app = TestApp::with_dev_identity().await;
    let text = "shared ".repeat(400);
    let (first, hash) = with_output(&app, &text).await;
    let (_, copy) = app
        .call(Method::POST, &format!("/api/n/{first}/duplicate"), &ADA, "")
        .await;
    let copy = copy["notebook_id"].as_str().unwrap().to_owned();
    let (status, kept) = app
        .call(
            Method::POST,
            &format!("/api/n/{copy}/revisions"),
            &ADA,
            "{}",
        )
        .await;
    assert_eq!(status, 201, "{kept}");
    // The first notebook goes for good; the copy's cells go, its revision stays.
    app.call(Method::POST, &format!("/api/n/{first}/trash"), &ADA, "")
        .await;
    app.call(Method::DELETE, &format!("/api/n/{first}"), &ADA, "")
        .await;
    app.documents().forget(&copy).await.unwrap();
    app.clock().advance(2 * DAY);
    age_files(&app, 2 * DAY);
    assert_eq!(sweep(&app, DAY).await.unwrap(), Collected::default());
    assert!(is_there(&app, &copy, &hash).await);
    let revision = kept["revision"]["id"].as_str().unwrap();
    let gone = format!("/api/n/{copy}/revisions/{revision}");
    assert_eq!(app.call(Method::DELETE, &gone, &ADA, "").await.0, 200);
    let collected = sweep(&app, DAY).await.unwrap();
    assert_eq!(collected.references, 1);
    assert!(!is_there(&app, &copy, &hash).await);
}

#[tokio::test]
async fn documents_that_outlived_their_notebook_are_dropped() {
    let app = TestApp::with_dev_identity().await;
    let (id, _) = with_output(&app, "small").await;
    let unmade = app.making().begin("deleted long ago");
    let leftover = store::document_log::AppendBatch {
        room: store::document_log::RoomKey {
            notebook_id: "deleted long ago".to_owned(),
            epoch: 1,
        },
        changes: vec![(store::document_log::DocumentKind::Notebook, b"x".to_vec())],
    };
    app.documents()
        .submit(leftover)
        .await
        .unwrap()
        .await
        .unwrap();
    // So it is with a notebook that is being made: nothing names it yet.
    assert_eq!(sweep(&app, DAY).await.unwrap().notebooks, 0);
    drop(unmade);
    assert_eq!(sweep(&app, DAY).await.unwrap().notebooks, 1);
    assert_eq!(app.documents().notebooks().await.unwrap(), [id]);
}

#[tokio::test]
async fn a_notebook_whose_documents_cannot_be_read_keeps_all_its_blobs() {
    let app = TestApp::with_dev_identity().await;
    let (_, made) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let id = made["notebook_id"].as_str().unwrap().to_owned();
    let kept: Value = json!(upload(&app, &id, "whose?").await);
    let broken = store::document_log::AppendBatch {
        room: store::document_log::RoomKey {
            notebook_id: id.clone(),
            epoch: 1,
        },
        changes: vec![(
            store::document_log::DocumentKind::Notebook,
            b"no document".to_vec(),
        )],
    };
    app.documents().submit(broken).await.unwrap().await.unwrap();
    app.clock().advance(2 * DAY);
    age_files(&app, 2 * DAY);
    assert_eq!(sweep(&app, DAY).await.unwrap(), Collected::default());
    assert!(is_there(&app, &id, kept.as_str().unwrap()).await);
}
