use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use bytes::Bytes;
use cloud_client::{BaseUrl, CloudClient, RoomAuth, SecretString};
use tokio::sync::mpsc;

use super::{Outcome, UploadResult, Uploader, is_listed, sha256_hex};
use crate::tokens::Tokens;

#[derive(Clone, Default)]
struct Cloud {
    answers: Arc<Mutex<VecDeque<u16>>>,
    types: Arc<Mutex<Vec<String>>>,
}

async fn take(State(cloud): State<Cloud>, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    cloud.types.lock().unwrap().push(kind);
    let answer = cloud.answers.lock().unwrap().pop_front().unwrap_or(201);
    StatusCode::from_u16(answer).unwrap()
}

async fn cloud(answers: &[u16]) -> (Cloud, Uploader, mpsc::Receiver<UploadResult>) {
    cloud_client::install_crypto_provider();
    let cloud = Cloud::default();
    cloud.answers.lock().unwrap().extend(answers);
    let router = Router::new()
        .route("/{*path}", put(take))
        .with_state(cloud.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = CloudClient::new(BaseUrl::parse(&base, false).unwrap()).unwrap();
    let token = SecretString::from("nwc_test");
    let tokens = Tokens::fixed(RoomAuth::Bearer(token));
    let (uploader, results) = Uploader::new(client, tokens, "n");
    (cloud, uploader, results)
}

async fn upload(
    uploader: &Uploader,
    results: &mut mpsc::Receiver<UploadResult>,
    media_type: &str,
) -> Outcome {
    let body = Bytes::from_static(b"hello");
    uploader.upload(sha256_hex(&body), media_type.to_owned(), body);
    let result = tokio::time::timeout(Duration::from_secs(20), results.recv()).await;
    let result = result.unwrap().unwrap();
    assert_eq!(result.media_type, media_type);
    result.outcome
}

// WS-322 RP-297
#[tokio::test]
async fn a_cloud_that_is_busy_is_asked_again_and_one_that_says_no_is_not() {
    let (cloud, uploader, mut results) = cloud(&[503, 503, 201]).await;
    assert_eq!(
        upload(&uploader, &mut results, "text/plain").await,
        Outcome::Stored
    );
    assert_eq!(cloud.types.lock().unwrap().len(), 3);

    let (cloud, uploader, mut results) = self::cloud(&[403]).await;
    let outcome = upload(&uploader, &mut results, "text/plain").await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(cloud.types.lock().unwrap().len(), 1);
}

// WS-327
#[tokio::test]
async fn a_type_that_the_cloud_does_not_take_goes_as_plain_bytes() {
    let (cloud, uploader, mut results) = cloud(&[]).await;
    assert_eq!(
        upload(&uploader, &mut results, "application/xml").await,
        Outcome::Stored
    );
    assert_eq!(*cloud.types.lock().unwrap(), ["application/octet-stream"]);

    let (cloud, uploader, mut results) = self::cloud(&[415]).await;
    assert_eq!(
        upload(&uploader, &mut results, "text/odd").await,
        Outcome::Stored
    );
    assert_eq!(
        *cloud.types.lock().unwrap(),
        ["text/odd", "application/octet-stream"]
    );
}

// WS-324 RP-296
#[tokio::test]
async fn the_same_blob_of_the_same_type_is_uploaded_once() {
    let (cloud, uploader, mut results) = cloud(&[]).await;
    for media_type in ["text/plain", "text/plain", "image/png"] {
        assert_eq!(
            upload(&uploader, &mut results, media_type).await,
            Outcome::Stored
        );
    }
    assert_eq!(*cloud.types.lock().unwrap(), ["text/plain", "image/png"]);
}

#[test]
fn listed_types_are_those_of_the_cloud() {
    for listed in [
        "image/png",
        "TEXT/html; charset=utf-8",
        "application/json",
        "application/x+json",
    ] {
        assert!(is_listed(listed), "{listed}");
    }
    for unlisted in [
        "application/xml",
        "application/zip",
        "application/x.json",
        "",
        "font/woff",
    ] {
        assert!(!is_listed(unlisted), "{unlisted}");
    }
}
