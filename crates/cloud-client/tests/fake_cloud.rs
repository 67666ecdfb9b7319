//! The client against a small server of the test's own: error classes, sockets, headers.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use axum::extract::ws::{Message as ServerMessage, WebSocketUpgrade};
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get, patch, post, put};
use axum::{Json, Router};
use cloud_client::{
    BaseUrl, CloudClient, CloudError, EventMessage, JobPatch, Message, Network, RefusalKind,
    RoomDial, SecretString, dial_events, dial_room,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use wire::http::JobStatus;

async fn serve(router: Router) -> BaseUrl {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    BaseUrl::parse(&format!("http://{address}"), false).unwrap()
}

fn token() -> SecretString {
    SecretString::from("nwc_secret")
}

const REDEEM: &str = "/api/workstations/pairing-codes/redeem";

async fn redeem_against(reply: impl IntoResponse + Clone + Send + Sync + 'static) -> CloudError {
    let base = serve(Router::new().route(REDEEM, post(move || async move { reply.clone() }))).await;
    CloudClient::new(&Network::direct(), base)
        .unwrap()
        .redeem_pairing_code("x", "lab")
        .await
        .unwrap_err()
}

// WS-055 WS-056 WS-061
#[tokio::test]
async fn ws_055_056_061_redeem_sends_the_code_and_no_credential() {
    let handler = |headers: HeaderMap, Json(body): Json<Value>| async move {
        assert_eq!(body, json!({"code": "ab-cd", "machine_name": "lab"}));
        assert!(!headers.contains_key("authorization"));
        let good = json!({"ok": true, "credential": {"token": "nwc_t", "credential_id": "c1"},
            "pairing": {"id": "p1"}});
        (StatusCode::CREATED, Json(good))
    };
    let base = serve(Router::new().route(REDEEM, post(handler))).await;
    let client = CloudClient::new(&Network::direct(), base)
        .unwrap()
        .with_token(token());
    let paired = client.redeem_pairing_code("ab-cd", "lab").await.unwrap();
    assert_eq!(
        (paired.credential_id.as_str(), paired.pairing_id.as_deref()),
        ("c1", Some("p1"))
    );
}

// WS-058 WS-059 WS-060
#[tokio::test]
async fn ws_058_059_060_replies_that_are_no_credential() {
    let error = redeem_against((StatusCode::INTERNAL_SERVER_ERROR, "x".repeat(900))).await;
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.kind(), refusal.snippet.len()),
        (RefusalKind::Server, 300)
    );

    let error = redeem_against(Html("<html>sign in to the wifi</html>")).await;
    assert!(
        matches!(error, CloudError::Foreign { status: 200, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("a web page came"), "{error}");

    for bad in [
        json!({}),
        json!({"credential": {"token": "", "credential_id": "c"}}),
    ] {
        let error = redeem_against(Json(bad)).await;
        assert!(matches!(error, CloudError::Incomplete { .. }), "{error}");
    }
    let error = redeem_against(Json(json!({"credential": {"token": "t"}}))).await;
    assert!(
        error.to_string().contains("credential.credential_id"),
        "{error}"
    );
}

// WS-062 WS-063
#[tokio::test]
async fn ws_062_063_no_server_and_no_answer_are_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base =
        BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap()), false).unwrap();
    let silent = CloudClient::with_call_timeout(
        &Network::direct(),
        base.clone(),
        Duration::from_millis(200),
    )
    .unwrap();
    let error = silent.redeem_pairing_code("x", "lab").await.unwrap_err();
    assert!(error.to_string().contains("no answer in time"), "{error}");
    drop(listener);
    let error = CloudClient::new(&Network::direct(), base.clone())
        .unwrap()
        .redeem_pairing_code("x", "lab")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("could not reach {base}")),
        "{error}"
    );
}

// WS-137
#[tokio::test]
async fn ws_137_an_empty_answer_is_an_empty_object_and_no_error_grows_without_bound() {
    let long = "x".repeat(100_000);
    let router = Router::new()
        .route("/api/workstations", post(|| async { StatusCode::OK }))
        .route(
            "/api/workstations/{id}/attach-jobs",
            get(move || async move { (StatusCode::BAD_GATEWAY, long) }),
        );
    let client = CloudClient::new(&Network::direct(), serve(router).await)
        .unwrap()
        .with_token(token());
    assert_eq!(client.register(&json!({})).await.unwrap(), json!({}));
    let error = client.poll_attach_jobs("ws").await.unwrap_err().to_string();
    assert!(error.contains("502") && error.len() <= 500, "{error}");
}

#[tokio::test]
async fn a_poll_reads_every_page_that_the_cloud_names() {
    let router = Router::new().route(
        "/api/workstations/{id}/attach-jobs",
        get(|RawQuery(query): RawQuery| async move {
            let query = query.unwrap_or_default();
            assert!(query.starts_with("limit=25"), "{query}");
            let page = match query.split_once("&after=") {
                None => 0,
                Some((_, after)) => after.trim_start_matches("p.").parse::<usize>().unwrap(),
            };
            // One job shows up twice: it moved on between the pages.
            let ids = (page * 24..page * 24 + 25).filter(|id| *id < 60);
            let jobs = ids.map(|id| json!({"job_id": id.to_string(), "notebook_id": "n"}));
            let next = (page < 2).then(|| format!("p.{}", page + 1));
            Json(json!({"jobs": jobs.collect::<Vec<_>>(), "next": next}))
        }),
    );
    let client = CloudClient::new(&Network::direct(), serve(router).await)
        .unwrap()
        .with_token(token());
    let polled = client.poll_attach_jobs("ws").await.unwrap();
    let ids = polled.jobs.iter().map(|job| job.job_id.parse().unwrap());
    assert_eq!(ids.collect::<Vec<usize>>(), (0..60).collect::<Vec<_>>());
}

// WS-134 WS-138 WS-140
#[tokio::test]
async fn ws_134_138_140_calls_carry_the_bearer_and_read_their_answers() {
    fn check(headers: &HeaderMap) {
        assert_eq!(headers["authorization"], "Bearer nwc_secret");
    }
    let router = Router::new()
        .route(
            "/api/workstations/{id}/attach-jobs",
            get(|headers: HeaderMap, Path(id): Path<String>| async move {
                check(&headers);
                match id.as_str() {
                    "a/b" => {
                        Json(json!({"jobs": [{"job_id": "j", "notebook_id": "n"}]})).into_response()
                    }
                    "gone" => {
                        (StatusCode::NOT_FOUND, [("retry-after", "900")], "{}").into_response()
                    }
                    _ => Html("<html>").into_response(),
                }
            }),
        )
        .route(
            "/api/workstations/{id}/attach-jobs/{job}",
            patch(
                |headers: HeaderMap, Path((_, job)): Path<(String, String)>| async move {
                    check(&headers);
                    if job == "j" {
                        StatusCode::NO_CONTENT.into_response()
                    } else {
                        let body = json!({"error": "workstation attach job is no longer active",
                        "job": {"status": "cancelled"}});
                        (StatusCode::CONFLICT, Json(body)).into_response()
                    }
                },
            ),
        )
        .route(
            "/api/n/{n}/blobs/{hash}",
            put(|headers: HeaderMap, body: bytes::Bytes| async move {
                check(&headers);
                assert_eq!(headers["x-scope"], "runtime_peer");
                assert_eq!(headers["content-type"], "image/png");
                assert_eq!(&body[..], b"png");
                Json(json!({"ok": true, "deduplicated": true}))
            }),
        );
    let client = CloudClient::new(&Network::direct(), serve(router).await)
        .unwrap()
        .with_token(token());
    assert_eq!(
        client.poll_attach_jobs("a/b").await.unwrap().jobs[0].job_id,
        "j"
    );
    let gone = client.poll_attach_jobs("gone").await.unwrap_err();
    assert_eq!(
        gone.refusal().unwrap().retry_after,
        Some(Duration::from_mins(15))
    );
    assert!(matches!(
        client.poll_attach_jobs("html").await,
        Err(CloudError::Foreign { .. })
    ));
    let report = JobPatch {
        status: JobStatus::Running,
        error_message: None,
    };
    client.patch_attach_job("w", "j", &report).await.unwrap();
    let conflict = client
        .patch_attach_job("w", "k", &report)
        .await
        .unwrap_err();
    assert_eq!(
        conflict.refusal().unwrap().body["job"]["status"],
        "cancelled"
    );
    let stored = client
        .put_blob("n", "ff", "image/png", bytes::Bytes::from_static(b"png"))
        .await;
    assert!(stored.unwrap().deduplicated);
}

// WS-160 WS-161
#[tokio::test]
async fn ws_160_161_events_arrive_as_text_and_binary_and_a_close_is_clean() {
    let handler = |headers: HeaderMap, upgrade: WebSocketUpgrade| async move {
        assert_eq!(headers["authorization"], "Bearer nwc_secret");
        upgrade.on_upgrade(|mut socket| async move {
            for message in [
                ServerMessage::Text(r#"{"event":"ready"}"#.into()),
                ServerMessage::Text(r#"{"event":"attach_jobs"}"#.into()),
                ServerMessage::Binary(br#"{"event":"attach_jobs"}"#.to_vec().into()),
            ] {
                socket.send(message).await.unwrap();
            }
            let ping = socket.recv().await.unwrap().unwrap();
            assert_eq!(ping.into_text().unwrap().as_str(), wire::EVENTS_PING);
            socket.send(ServerMessage::Close(None)).await.unwrap();
        })
    };
    let router = Router::new().route("/api/workstations/{id}/events", any(handler));
    let base = serve(router).await;
    let mut events = dial_events(&Network::direct(), &base, "w", &token())
        .await
        .unwrap();
    assert_eq!(events.next().await, Ok(Some(EventMessage::Ready)));
    assert_eq!(events.next().await, Ok(Some(EventMessage::AttachJobs)));
    assert_eq!(events.next().await, Ok(Some(EventMessage::AttachJobs)));
    events.ping().await.unwrap();
    assert_eq!(events.next().await, Ok(None));
}

// WS-168
#[tokio::test]
async fn ws_168_a_refused_upgrade_keeps_status_and_hint() {
    let refuse = || async {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "7")],
            r#"{"error":"later"}"#,
        )
    };
    let base = serve(Router::new().route("/api/workstations/{id}/events", any(refuse))).await;
    let error = dial_events(&Network::direct(), &base, "w", &token())
        .await
        .err()
        .unwrap();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.retry_after),
        (503, Some(Duration::from_secs(7)))
    );
    assert!(error.to_string().contains("later"), "{error}");
}

// WS-265 WS-270
#[tokio::test]
async fn ws_265_270_the_room_carries_large_binary_frames_both_ways() {
    let handler = |headers: HeaderMap, Path(id): Path<String>, upgrade: WebSocketUpgrade| async move {
        assert_eq!(id, "a/b?c");
        assert!(!headers.contains_key("sec-websocket-protocol"));
        upgrade
            .max_frame_size(usize::MAX)
            .max_message_size(usize::MAX)
            .on_upgrade(|mut socket| async move {
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            })
    };
    let base = serve(Router::new().route("/n/{id}/sync", any(handler))).await;
    let room = RoomDial::new(Network::direct(), base, "a/b?c", "runtime_peer", token());
    let (mut sink, mut stream) = dial_room(&room).await.unwrap();
    let big = vec![7_u8; 20 * 1024 * 1024];
    let started = Instant::now();
    sink.send(Message::binary(big.clone())).await.unwrap();
    let back = stream.next().await.unwrap().unwrap();
    assert_eq!(back.into_data().len(), big.len());
    assert!(started.elapsed() < Duration::from_secs(20));
}
