use blob_store::testing::S3Server;
use http::Method;
use serde_json::json;
use wire::blob_batch::{self, BatchedBlob};

use crate::settings::Settings;
use crate::testing::{TestApp, request};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];

async fn notebook(app: &TestApp) -> String {
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "").await;
    format!("/api/n/{}/blobs", body["notebook_id"].as_str().unwrap())
}

fn with(kind: &str) -> Vec<(&str, &str)> {
    let mut headers = ADA.to_vec();
    headers.push(("content-type", kind));
    headers
}

// CP-316, CP-317, CP-321 RP-290 RP-294
#[tokio::test]
async fn bytes_come_back_with_their_first_type() {
    let app = TestApp::with_dev_identity().await;
    let path = format!("{}/{HELLO}", notebook(&app).await);
    let (status, body) = app
        .call(
            Method::PUT,
            &path,
            &with("text/Plain; charset=utf-8"),
            "hello",
        )
        .await;
    assert_eq!((status, &body["size"]), (201, &json!(5)));
    assert_eq!(body["ok"], true);
    let (status, body) = app
        .call(Method::PUT, &path, &with("text/html"), "hello")
        .await;
    assert_eq!((status, &body["deduplicated"]), (200, &json!(true)));
    for method in [Method::GET, Method::HEAD] {
        let response = app.send(request(method.clone(), &path, &ADA, "")).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "text/plain");
        assert_eq!(headers["content-length"], "5");
        assert_eq!(headers["etag"], format!("\"{HELLO}\""));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("sandbox")
        );
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let bytes = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        let expected = if method == Method::GET { "hello" } else { "" };
        assert_eq!(bytes, expected);
    }
}

// CP-009, CP-314, CP-315 RP-291 RP-292
#[tokio::test]
async fn bad_uploads_are_refused() {
    let app = TestApp::with_dev_identity().await;
    let base = notebook(&app).await;
    let path = format!("{base}/{HELLO}");
    for scope in ["editor", "viewer"] {
        let caller = [("x-user", "ada"), ("x-scope", scope)];
        let (status, body) = app.call(Method::PUT, &path, &caller, "hello").await;
        let text = format!("{scope} cannot upload blobs");
        assert_eq!((status, &body["error"]), (403, &json!(text)));
    }
    let (status, body) = app
        .call(Method::PUT, &path, &with("application/x-sh"), "hello")
        .await;
    assert_eq!(
        (status, &body["error"]),
        (415, &json!("unsupported blob content type"))
    );
    let (status, _) = app.call(Method::PUT, &path, &with(""), "hello").await;
    assert_eq!(status, 415);
    let upper = format!("{base}/{}", HELLO.to_uppercase());
    for (path, bytes) in [(&upper, "hello"), (&path, "other")] {
        let (status, body) = app.call(Method::PUT, path, &ADA, bytes).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("blob hash mismatch"))
        );
        assert!(body["expected"].is_string() && body["actual"].is_string());
    }
    let (status, body) = app.call(Method::GET, &path, &ADA, "").await;
    assert_eq!((status, &body["error"]), (404, &json!("blob not found")));
    let (status, _) = app.call(Method::POST, &path, &ADA, "").await;
    assert_eq!(status, 405);
}

// RP-293 CP-316 DOC-183
#[tokio::test]
async fn a_type_is_stored_when_it_is_on_the_list_or_json() {
    let app = TestApp::with_dev_identity().await;
    let base = notebook(&app).await;
    let path = format!("{base}/{HELLO}");
    for (headers, expected) in [
        (with("application/x-foo"), None),
        (ADA.to_vec(), Some("application/octet-stream")),
        (
            with("application/vnd.x+json"),
            Some("application/vnd.x+json"),
        ),
    ] {
        let path = format!("{}/{HELLO}", notebook(&app).await);
        let (status, _) = app.call(Method::PUT, &path, &headers, "hello").await;
        assert_eq!(status, if expected.is_some() { 201 } else { 415 });
        if let Some(expected) = expected {
            let (_, headers, _) = read(&app, &path, Method::GET, &[]).await;
            assert_eq!(headers["content-type"], expected);
        }
    }
    for malformed in ["zz", &HELLO[1..]] {
        let (status, _, text) = read(&app, &path.replace(HELLO, malformed), Method::GET, &[]).await;
        assert_eq!((status, text.contains("blob not found")), (404, true));
    }
}

// CP-320, CP-322
#[tokio::test]
async fn a_blob_belongs_to_its_notebook() {
    let app = TestApp::with_dev_identity().await;
    let path = format!("{}/{HELLO}", notebook(&app).await);
    app.call(Method::PUT, &path, &ADA, "hello").await;
    let other = format!("{}/{HELLO}", notebook(&app).await);
    let (status, _) = app.call(Method::GET, &other, &ADA, "").await;
    assert_eq!(status, 404);
    let (status, _) = app.call(Method::GET, &path, &[("x-user", "eve")], "").await;
    assert_eq!(status, 403);
    let (status, _) = app.call(Method::GET, &path, &[], "").await;
    assert_eq!(status, 404);
}

async fn stored(app: &TestApp) -> String {
    let path = format!("{}/{HELLO}", notebook(app).await);
    app.call(Method::PUT, &path, &with("text/plain"), "hello")
        .await;
    path
}

async fn read(
    app: &TestApp,
    path: &str,
    method: Method,
    headers: &[(&str, &str)],
) -> (u16, http::HeaderMap, String) {
    let mut all = ADA.to_vec();
    all.extend_from_slice(headers);
    let answer = app.send(request(method, path, &all, "")).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_part_of_a_blob_is_served_by_range() {
    let app = TestApp::with_dev_identity().await;
    let path = stored(&app).await;
    let get = async |headers: &[(&str, &str)]| read(&app, &path, Method::GET, headers).await;
    let (status, headers, text) = get(&[("range", "bytes=1-3")]).await;
    assert_eq!((status, text.as_str()), (206, "ell"));
    assert_eq!(headers["content-range"], "bytes 1-3/5");
    assert_eq!(headers["content-length"], "3");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(get(&[("range", "bytes=-2")]).await.2, "lo");
    let (status, headers, _) = get(&[("range", "bytes=5-")]).await;
    assert_eq!(
        (status, &headers["content-range"]),
        (416, &"bytes */5".parse().unwrap())
    );
    // Several parts, or what is no range, are answered with everything.
    for range in ["bytes=0-0,2-2", "lines=1-2"] {
        let (status, _, text) = get(&[("range", range)]).await;
        assert_eq!((status, text.as_str()), (200, "hello"), "{range}");
    }
    let (status, headers, text) = read(&app, &path, Method::HEAD, &[("range", "bytes=1-3")]).await;
    assert_eq!((status, text.as_str()), (200, ""));
    assert_eq!(headers["content-length"], "5");
}

#[tokio::test]
async fn a_range_of_another_version_is_not_served() {
    let app = TestApp::with_dev_identity().await;
    let path = stored(&app).await;
    let tag = format!("\"{HELLO}\"");
    let weak = format!("W/{tag}");
    for (if_range, status) in [
        (tag.as_str(), 206),
        (weak.as_str(), 200),
        ("\"other\"", 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ] {
        let headers = [("range", "bytes=1-3"), ("if-range", if_range)];
        let answer = read(&app, &path, Method::GET, &headers).await;
        assert_eq!(answer.0, status, "{if_range}");
    }
}

#[tokio::test]
async fn whoever_has_it_already_is_told_so() {
    let app = TestApp::with_dev_identity().await;
    let path = stored(&app).await;
    let tags = format!("\"other\", W/\"{HELLO}\"");
    for method in [Method::GET, Method::HEAD] {
        let (status, headers, text) = read(
            &app,
            &path,
            method,
            &[("if-none-match", &tags), ("range", "bytes=0-1")],
        )
        .await;
        assert_eq!((status, text.as_str()), (304, ""));
        assert!(headers.contains_key("etag") && headers.contains_key("cache-control"));
    }
    let (status, _, _) = read(&app, &path, Method::GET, &[("if-none-match", "\"other\"")]).await;
    assert_eq!(status, 200);
    // A stranger learns nothing, whatever they claim to have (CP-320).
    let answer = app
        .send(request(
            Method::GET,
            &path,
            &[("x-user", "eve"), ("if-none-match", "*")],
            "",
        ))
        .await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn a_large_blob_is_served_in_pieces_and_in_part() {
    let app = TestApp::with_dev_identity().await;
    let text = "0123456789".repeat(60_000);
    let hash = documents::manifest::sha256_hex(text.as_bytes());
    let path = format!("{}/{hash}", notebook(&app).await);
    let (status, _) = app
        .call(Method::PUT, &path, &with("text/plain"), text.clone())
        .await;
    assert_eq!(status, 201);
    assert_eq!(read(&app, &path, Method::GET, &[]).await.2, text);
    let (status, headers, part) =
        read(&app, &path, Method::GET, &[("range", "bytes=7-500006")]).await;
    assert_eq!(
        (status, &headers["content-length"]),
        (206, &"500000".parse().unwrap())
    );
    assert_eq!(part, text[7..=500_006]);
}

fn batch(blobs: &[(&str, &'static str, &str)]) -> String {
    let blobs: Vec<BatchedBlob> = blobs
        .iter()
        .map(|(hash, text, kind)| BatchedBlob {
            hash: (*hash).to_owned(),
            media_type: (*kind).to_owned(),
            bytes: text.as_bytes().into(),
        })
        .collect();
    // Lengths of headers below 128 and texts: all of it is text.
    String::from_utf8(blob_batch::encode(&blobs)).unwrap()
}

#[tokio::test]
async fn many_blobs_come_by_one_request_and_a_false_name_refuses_it() {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let app = TestApp::with_dev_identity().await;
    let path = notebook(&app).await;
    let headers = with(blob_batch::MEDIA_TYPE);
    let body = batch(&[(HELLO, "hello", "text/plain"), (EMPTY, "", "image/png")]);
    let (status, answer) = app.call(Method::POST, &path, &headers, body.clone()).await;
    assert_eq!((status, &answer["stored"]), (200, &json!(2)));
    for (hash, kind) in [(HELLO, "text/plain"), (EMPTY, "image/png")] {
        let blob = format!("{path}/{hash}");
        let response = app.send(request(Method::GET, &blob, &ADA, "")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], kind);
    }

    let body = batch(&[(EMPTY, "hello", "text/plain")]);
    let (status, answer) = app.call(Method::POST, &path, &headers, body.clone()).await;
    assert_eq!((status, &answer["actual"]), (400, &json!(HELLO)));
    let body = batch(&[(HELLO, "hello", "application/zip")]);
    let (status, _) = app.call(Method::POST, &path, &headers, body.clone()).await;
    assert_eq!(status, 415);
    let (status, _) = app.call(Method::POST, &path, &headers, "cut").await;
    assert_eq!(status, 400);
    let viewer = [
        ("x-user", "ada"),
        ("x-scope", "viewer"),
        ("content-type", blob_batch::MEDIA_TYPE),
    ];
    let (status, _) = app.call(Method::POST, &path, &viewer, body).await;
    assert_eq!(status, 403);
}

// What a runtime peer meets while the bucket is away: nothing is acknowledged, nothing is taken for absent, and it is told
// when to come again; then the same upload is kept.
#[tokio::test]
async fn a_bucket_that_is_away_is_said_with_when_to_come_again() {
    let store = S3Server::start();
    let app = TestApp::with(Settings {
        dev_identity: true,
        s3: store.bucket("cloud").into(),
        ..Settings::default()
    })
    .await;
    let there = stored(&app).await;
    let folder = notebook(&app).await;
    // Several parts, so that the bucket goes away within the upload.
    let large = "0123456789".repeat(2_000_000);
    let hash = documents::manifest::sha256_hex(large.as_bytes());
    let path = format!("{folder}/{hash}");
    for requests in [0, 2] {
        store.away_after(requests);
        let answer = app
            .send(request(
                Method::PUT,
                &path,
                &with("text/plain"),
                large.clone(),
            ))
            .await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
        let answer = app.send(request(Method::GET, &there, &ADA, "")).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
        let (status, body) = app.call(Method::GET, "/readyz", &[], "").await;
        assert_eq!((status, &body["checks"]["blobs"]), (503, &json!("failed")));
        store.back();
        let (status, _) = app.call(Method::GET, &path, &ADA, "").await;
        assert_eq!(status, 404);
        assert_eq!(app.call(Method::GET, "/readyz", &[], "").await.0, 200);
    }
    let (status, body) = app
        .call(Method::PUT, &path, &with("text/plain"), large.clone())
        .await;
    assert_eq!((status, &body["size"]), (201, &json!(large.len())));
    assert_eq!(read(&app, &path, Method::GET, &[]).await.2, large);
    let (status, _, part) = read(&app, &path, Method::GET, &[("range", "bytes=11-13")]).await;
    assert_eq!((status, part.as_str()), (206, "123"));
}
