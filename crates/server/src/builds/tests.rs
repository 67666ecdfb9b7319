//! Lookups of a small release server on a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{KEPT_MS, LIMIT, RETRY_MS};
use crate::settings::{Settings, WorkstationSettings};
use crate::testing::TestApp;

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];
/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the release server answers.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Answers,
    Fails,
    Hangs,
}

#[derive(Debug, Clone)]
struct Releases {
    manner: Manner,
    asked: Arc<AtomicUsize>,
    address: String,
}

impl Releases {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let releases = Self {
            manner,
            asked: Arc::default(),
            address: format!("http://{}/releases", listener.local_addr().unwrap()),
        };
        let router = Router::new()
            .route("/releases/{channel}/latest.json", get(latest))
            .with_state(releases.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        releases
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn latest(State(releases): State<Releases>, Path(channel): Path<String>) -> Response {
    let asked = releases.asked.fetch_add(1, Ordering::SeqCst);
    match releases.manner {
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Hangs => std::future::pending().await,
        Manner::Answers if channel == "stable-latest" => {
            // Each answer is newer than the one before it.
            let version = format!("2.8.{}", asked / 2);
            let body = json!({"version": version, "pub_date": "2026-06-12T00:00:00Z"});
            axum::Json(body).into_response()
        }
        Manner::Answers => axum::Json(json!({"version": "x".repeat(161)})).into_response(),
    }
}

async fn app(base: Option<String>) -> TestApp {
    TestApp::with(Settings {
        dev_identity: true,
        workstation: WorkstationSettings {
            latest_build_base_url: base,
        },
        ..Settings::default()
    })
    .await
}

async fn register(app: &TestApp, channel: &str, build: &str) -> Value {
    let body = json!({"workstation_id": channel, "channel": channel, "installed_build": build});
    let path = "/api/workstations";
    let (status, answer) = app.call(Method::POST, path, &ADA, body.to_string()).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

async fn list(app: &TestApp) -> Value {
    app.call(Method::GET, "/api/workstations", &ADA, "").await.1
}

// CP-153
#[tokio::test]
async fn cp_153_a_lookup_that_is_off_asks_nobody() {
    let releases = Releases::start(Manner::Answers).await;
    for off in [
        None,
        Some(""),
        Some(" Off "),
        Some("none"),
        Some("disabled"),
    ] {
        let app = app(off.map(str::to_owned)).await;
        register(&app, "stable", "1.0.0").await;
        let list = list(&app).await;
        let none = json!({"stable": null, "nightly": null});
        assert_eq!(list["latest_builds"], none, "{off:?}");
        assert_eq!(list["workstations"][0]["latest_build"], Value::Null);
        assert_eq!(list["workstations"][0]["is_outdated"], false);
    }
    assert_eq!(releases.asked(), 0);
}

// CP-154 CP-155 CP-157
#[tokio::test]
async fn cp_154_an_older_build_is_told_in_list_and_registration_alone() {
    let releases = Releases::start(Manner::Answers).await;
    let app = app(Some(format!("{}/", releases.address))).await;
    let registered = register(&app, "stable", "2.7.9").await;
    let builds = json!({"stable": "2.8.0", "nightly": null});
    assert_eq!(registered["latest_builds"], builds);
    assert_eq!(registered["workstation"]["latest_build"], "2.8.0");
    assert_eq!(registered["workstation"]["is_outdated"], true);
    let same = register(&app, "stable", "2.8.0+abc123").await;
    assert_eq!(same["workstation"]["is_outdated"], false);
    let other = register(&app, "beta", "0.0.1").await;
    assert_eq!(other["workstation"]["latest_build"], Value::Null);
    assert_eq!(other["workstation"]["is_outdated"], false);
    let list = list(&app).await;
    assert_eq!(list["latest_builds"], builds);
    assert_eq!(list["workstations"][1]["latest_build"], "2.8.0");
    assert_eq!(releases.asked(), 2, "once for each channel");
    let (_, notebook) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let id = notebook["notebook_id"].as_str().unwrap();
    let attach = format!("/api/n/{id}/workstation-attachments");
    let body = json!({"workstation_id": "stable"}).to_string();
    let (status, attached) = app.call(Method::POST, &attach, &ADA, body).await;
    assert_eq!(status, 202, "{attached}");
    let jobs = "/api/workstations/stable/attach-jobs";
    let (_, polled) = app.call(Method::GET, jobs, &ADA, "").await;
    for answer in [attached, polled] {
        assert_eq!(answer["workstation"]["workstation_id"], "stable");
        assert_eq!(answer["workstation"]["latest_build"], Value::Null);
        assert_eq!(answer["workstation"]["is_outdated"], false);
    }
}

#[tokio::test]
async fn an_old_answer_is_served_while_it_is_looked_up_again() {
    let releases = Releases::start(Manner::Answers).await;
    let app = app(Some(releases.address.clone())).await;
    assert_eq!(list(&app).await["latest_builds"]["stable"], "2.8.0");
    app.clock()
        .advance(Duration::from_millis(KEPT_MS as u64 - 1));
    assert_eq!(list(&app).await["latest_builds"]["stable"], "2.8.0");
    app.clock().advance(Duration::from_millis(1));
    assert_eq!(list(&app).await["latest_builds"]["stable"], "2.8.0");
    let renewed = async {
        while list(&app).await["latest_builds"]["stable"] == "2.8.0" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
}

// CP-156
#[tokio::test]
async fn cp_156_a_lookup_that_fails_or_hangs_holds_the_list_up_once() {
    for manner in [Manner::Fails, Manner::Hangs] {
        let releases = Releases::start(manner).await;
        let app = app(Some(releases.address.clone())).await;
        let none = json!({"stable": null, "nightly": null});
        // Both channels and both requests wait for one question each.
        let begun = Instant::now();
        let (one, two) = tokio::join!(list(&app), list(&app));
        let took = begun.elapsed();
        assert!(took < 3 * LIMIT, "{manner:?}: {took:?}");
        for list in [one, two] {
            assert_eq!(list["latest_builds"], none);
        }
        assert_eq!(releases.asked(), 2);
        app.clock()
            .advance(Duration::from_millis(RETRY_MS as u64 - 1));
        assert_eq!(list(&app).await["latest_builds"], none);
        assert_eq!(releases.asked(), 2, "nothing is asked for a while");
        app.clock().advance(Duration::from_millis(1));
        list(&app).await;
        assert_eq!(releases.asked(), 4);
    }
}
