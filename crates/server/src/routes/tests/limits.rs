//! Every limit of one caller, and what is answered past it.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::json;

use super::person;
use crate::settings::{LimitSettings, Settings};
use crate::testing::{TestApp, request};

async fn with(limits: LimitSettings) -> TestApp {
    let settings = Settings {
        dev_identity: true,
        limits,
        ..Settings::default()
    };
    TestApp::with(settings).await
}

/// Status and `Retry-After` of a request; the answer must have an `error`.
async fn refused(
    app: &TestApp,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> (u16, Option<u64>) {
    let response = app.send(request(method, path, headers, body)).await;
    let status = response.status().as_u16();
    let wait = response.headers().get("retry-after");
    let wait = wait.map(|value| value.to_str().unwrap().parse().unwrap());
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert!(body["error"].is_string(), "{body}");
    (status, wait)
}

// HAZ-23
#[tokio::test]
async fn a_body_past_its_limit_is_answered_with_413() {
    let app = with(LimitSettings {
        json_body_bytes: 100,
        notebook_body_bytes: 200,
        blob_bytes: 300,
        ..LimitSettings::default()
    })
    .await;
    let ada = person("ada");
    let (_, body) = app.call(Method::POST, "/api/n", &ada, "{}").await;
    let id = body["notebook_id"].as_str().unwrap();
    let hash = "0".repeat(64);
    for (method, path, size) in [
        (Method::PATCH, format!("/api/n/{id}"), 101),
        (Method::POST, "/api/workstations".into(), 101),
        (Method::POST, "/api/n".into(), 201),
        (Method::PUT, format!("/api/n/{id}/blobs/{hash}"), 301),
    ] {
        let (status, _) = refused(&app, method, &path, &ada, "x".repeat(size)).await;
        assert_eq!(status, 413, "{path}");
    }
    let title = json!({"title": "t".repeat(50)}).to_string();
    let mut headers = ada.to_vec();
    headers.push(("content-type", "application/json"));
    let (status, _) = app
        .call(Method::PATCH, &format!("/api/n/{id}"), &headers, title)
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn headers_past_their_limit_are_answered_with_431() {
    let app = with(LimitSettings {
        header_bytes: 500,
        ..LimitSettings::default()
    })
    .await;
    let long = "x".repeat(500);
    let (status, _) = refused(
        &app,
        Method::GET,
        "/api/n",
        &[("x-long", &long)],
        String::new(),
    )
    .await;
    assert_eq!(status, 431);
    let path = format!("/api/n?limit={long}");
    let (status, _) = refused(&app, Method::GET, &path, &[], String::new()).await;
    assert_eq!(status, 431);
    assert_eq!(app.call(Method::GET, "/api/health", &[], "").await.0, 200);
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits() {
    let app = with(LimitSettings {
        address_requests_per_second: 1,
        address_request_burst: 3,
        ..LimitSettings::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(app.call(Method::GET, "/api/health", &[], "").await.0, 200);
    }
    let (status, wait) = refused(&app, Method::GET, "/api/health", &[], String::new()).await;
    assert_eq!((status, wait), (429, Some(1)));
    // Whoever watches over the server is answered all the same.
    assert_eq!(app.call(Method::GET, "/healthz", &[], "").await.0, 200);
}

#[tokio::test]
async fn a_person_who_asks_too_often_waits_and_nobody_else() {
    let app = with(LimitSettings {
        principal_requests_per_second: 1,
        principal_request_burst: 2,
        ..LimitSettings::default()
    })
    .await;
    let (ada, bob) = (person("ada"), person("bob"));
    for _ in 0..2 {
        assert_eq!(app.call(Method::GET, "/api/n", &ada, "").await.0, 200);
    }
    let (status, wait) = refused(&app, Method::GET, "/api/n", &ada, String::new()).await;
    assert_eq!((status, wait), (429, Some(1)));
    assert_eq!(app.call(Method::GET, "/api/n", &bob, "").await.0, 200);
}

#[tokio::test]
async fn a_busy_server_says_so_with_503() {
    let app = with(LimitSettings {
        requests_in_flight: 0,
        ..LimitSettings::default()
    })
    .await;
    let (status, wait) = refused(&app, Method::GET, "/api/health", &[], String::new()).await;
    assert_eq!((status, wait), (503, Some(1)));
    assert_eq!(app.call(Method::GET, "/readyz", &[], "").await.0, 200);
    let text = String::from_utf8(app.metrics().text(&app).unwrap()).unwrap();
    let line = "notebook_cloud_refused_total{limit=\"requests_in_flight\"} 1";
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn an_address_that_lets_its_requests_wait_takes_no_more_than_its_places() {
    let app = with(LimitSettings {
        address_requests_in_flight: 1,
        ..LimitSettings::default()
    })
    .await;
    let silent = stream::pending::<Result<Bytes, Infallible>>();
    let waits = request(
        Method::POST,
        "/api/n",
        &person("ada"),
        Body::from_stream(silent),
    );
    let asked = async {
        loop {
            let answer = refused(&app, Method::GET, "/api/nothing", &[], String::new()).await;
            if answer.0 == 429 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = app.send(waits) => panic!("{answer:?}"),
        answer = asked => assert_eq!(answer, (429, Some(1))),
    }
    // Whoever watches over the server is answered all the same, and so is another address.
    assert_eq!(app.call(Method::GET, "/healthz", &[], "").await.0, 200);
    let elsewhere = std::net::IpAddr::from([192, 0, 2, 1]);
    assert!(app.address_places().take(elsewhere, 1).is_some());
}

// HAZ-8
#[tokio::test]
async fn an_owner_has_so_many_open_codes_and_waits_for_the_first_to_expire() {
    let app = with(LimitSettings {
        pairing_codes_per_owner: 2,
        ..LimitSettings::default()
    })
    .await;
    let (ada, path) = (person("ada"), "/api/workstations/pairing-codes");
    for _ in 0..2 {
        assert_eq!(app.call(Method::POST, path, &ada, "").await.0, 201);
    }
    let (status, wait) = refused(&app, Method::POST, path, &ada, String::new()).await;
    assert_eq!((status, wait), (429, Some(601)));
    assert_eq!(
        app.call(Method::POST, path, &person("bob"), "").await.0,
        201
    );
    app.clock().advance(std::time::Duration::from_secs(601));
    assert_eq!(app.call(Method::POST, path, &ada, "").await.0, 201);
}

#[tokio::test]
async fn an_owner_has_so_many_notebooks() {
    let app = with(LimitSettings {
        notebooks_per_owner: 1,
        ..LimitSettings::default()
    })
    .await;
    let ada = person("ada");
    assert_eq!(app.call(Method::POST, "/api/n", &ada, "{}").await.0, 201);
    let (status, wait) = refused(&app, Method::POST, "/api/n", &ada, "{}".into()).await;
    assert_eq!((status, wait.is_some()), (429, true));
    assert_eq!(
        app.call(Method::POST, "/api/n", &person("bob"), "{}")
            .await
            .0,
        201
    );
}
