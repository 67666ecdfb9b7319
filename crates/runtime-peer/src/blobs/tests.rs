use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use bytes::Bytes;
use cloud_client::{BaseUrl, CloudClient, Network, RoomAuth, SecretString};
use documents::manifest::sha256_hex;
use tokio::sync::mpsc;

use super::{
    ANSWERED_ATTEMPTS, Class, DOUBTED_ATTEMPTS, Outcome, UploadResult, Uploader, class, is_listed,
};
use crate::tokens::Tokens;

/// 503 with when to come again.
const AWAY: u16 = 599;

/// 404 by something else than the cloud; a redirect to a sign-in page.
const NOT_THE_CLOUD: u16 = 597;
const SIGN_IN: u16 = 302;

/// No answer at all; the clock then passes by itself.
const SILENT: u16 = 598;

#[derive(Clone, Default)]
struct Cloud {
    answers: Arc<Mutex<VecDeque<u16>>>,
    types: Arc<Mutex<Vec<String>>>,
}

async fn take(
    State(cloud): State<Cloud>,
    headers: HeaderMap,
    _body: Bytes,
) -> (StatusCode, HeaderMap, &'static str) {
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    cloud.types.lock().unwrap().push(kind);
    let answer = cloud.answers.lock().unwrap().pop_front().unwrap_or(201);
    if answer == SILENT {
        tokio::time::pause();
        std::future::pending::<()>().await;
    }
    let mut headers = HeaderMap::new();
    if answer == AWAY {
        headers.insert("retry-after", "0".parse().unwrap());
        return (StatusCode::SERVICE_UNAVAILABLE, headers, "");
    }
    if answer == NOT_THE_CLOUD {
        return (StatusCode::NOT_FOUND, headers, "404 page not found");
    }
    let words = r#"{"error":"as asked for"}"#;
    (StatusCode::from_u16(answer).unwrap(), headers, words)
}

async fn cloud(answers: &[u16]) -> (Cloud, Uploader, mpsc::Receiver<UploadResult>) {
    let (cloud, client) = listening(answers).await;
    let token = SecretString::from("nwc_test");
    let tokens = Tokens::given(RoomAuth::Bearer(token), None);
    let (uploader, results) = Uploader::new(client, tokens, "n");
    (cloud, uploader, results)
}

async fn listening(answers: &[u16]) -> (Cloud, CloudClient) {
    let cloud = Cloud::default();
    cloud.answers.lock().unwrap().extend(answers);
    let router = Router::new()
        .route("/{*path}", put(take))
        .with_state(cloud.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let base = BaseUrl::parse(&base, false).unwrap();
    let client = CloudClient::new(&Network::direct(), base).unwrap();
    (cloud, client)
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

#[tokio::test]
async fn a_refused_credential_is_no_word_on_the_blob() {
    let (cloud, uploader, mut results) = cloud(&[401, 201]).await;
    assert_eq!(
        upload(&uploader, &mut results, "text/plain").await,
        Outcome::Stored
    );
    assert_eq!(cloud.types.lock().unwrap().len(), 2);
}

// A proxy in front of a cloud that restarts, a sign-in portal: the blob is not lost while the room is away as well.
#[tokio::test]
async fn what_is_not_the_clouds_answer_is_not_believed() {
    let answers = [[NOT_THE_CLOUD; 8], [SIGN_IN; 8]].concat();
    let (cloud, uploader, mut results) = cloud(&answers).await;
    tokio::time::pause();
    let body = Bytes::from_static(b"hello");
    uploader.upload(sha256_hex(&body), "text/plain".to_owned(), body);
    let result = results.recv().await.unwrap();
    assert_eq!(result.outcome, Outcome::Stored);
    assert_eq!(cloud.types.lock().unwrap().len(), answers.len() + 1);
    // With the room there, it may be that nobody takes it.
    uploader.room_is_reached(true);
    for (answer, attempts) in [
        (NOT_THE_CLOUD, DOUBTED_ATTEMPTS),
        (SIGN_IN, ANSWERED_ATTEMPTS),
    ] {
        cloud.answers.lock().unwrap().extend([answer; 40]);
        cloud.types.lock().unwrap().clear();
        let body = Bytes::from(answer.to_string());
        uploader.upload(sha256_hex(&body), "text/plain".to_owned(), body);
        let outcome = results.recv().await.unwrap().outcome;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        assert_eq!(cloud.types.lock().unwrap().len() as u32, attempts);
        cloud.answers.lock().unwrap().clear();
    }
}

// The storage of blobs is away, for longer perhaps than a refusal is asked again (D3).
#[tokio::test]
async fn a_cloud_that_says_when_to_come_again_is_asked_for_as_long_as_it_takes() {
    let (_cloud, client) = listening(&[AWAY, 503]).await;
    let client = client.with_auth(RoomAuth::Bearer(SecretString::from("nwc_test")));
    let put = async || client.put_blob("n", "h", "text/plain", Bytes::new()).await;
    let away = put().await.unwrap_err();
    assert!(matches!(class(&away), Class::Unreachable), "{away}");
    let busy = put().await.unwrap_err();
    assert!(matches!(class(&busy), Class::Busy), "{busy}");
}

// WS-325
#[tokio::test]
async fn ws_325_an_upload_that_is_not_answered_is_made_again() {
    let (cloud, client) = listening(&[SILENT, 201]).await;
    let token = SecretString::from("nwc_test");
    let tokens = Tokens::given(RoomAuth::Bearer(token), None);
    let (uploader, mut results) = Uploader::new(client, tokens, "n");
    let body = Bytes::from_static(b"hello");
    let started = tokio::time::Instant::now();
    uploader.upload(sha256_hex(&body), "text/plain".to_owned(), body);
    let result = results.recv().await.unwrap();
    assert_eq!(result.outcome, Outcome::Stored);
    assert!(started.elapsed() >= Duration::from_secs(30));
    assert_eq!(cloud.types.lock().unwrap().len(), 2);
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
