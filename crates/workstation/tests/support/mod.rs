//! A small cloud of the tests' own: registrations, attach jobs, events, and a switch for each kind of trouble.

#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::broadcast;

pub const TOKEN: &str = "nwc_the-token-of-the-tests";
pub const CODE: &str = "ABCD-EFGH-JKMN";

#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub notebook: String,
    pub status: String,
    pub message: Option<String>,
}

#[derive(Debug, Default)]
pub struct Seen {
    pub registrations: Vec<Value>,
    pub redeemed: Vec<String>,
    pub polls: usize,
    pub patches: Vec<(String, String)>,
    pub jobs: Vec<Job>,
    pub revoked: bool,
    pub code_used: bool,
    /// Status and body that every call gets instead of its answer.
    pub trouble: Option<(u16, &'static str)>,
    /// The same for registrations alone.
    pub registration_trouble: Option<(u16, &'static str)>,
}

#[derive(Clone)]
pub struct FakeCloud {
    url: String,
    seen: Arc<Mutex<Seen>>,
    wake: broadcast::Sender<()>,
}

impl FakeCloud {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (wake, _) = broadcast::channel(16);
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cloud = Self {
            url,
            seen: Arc::default(),
            wake,
        };
        let router = Router::new()
            .route(
                "/api/health",
                get(|| async { Json(json!({"status": "ok"})) }),
            )
            .route("/api/workstations/pairing-codes/redeem", post(redeem))
            .route("/api/workstations", get(list).post(register))
            .route("/api/workstations/{id}/attach-jobs", get(poll))
            .route("/api/workstations/{id}/attach-jobs/{job}", patch(report))
            .route("/api/workstations/{id}/events", any(events))
            .with_state(cloud.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        cloud
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub fn add_job(&self, id: &str, notebook: &str) {
        self.seen().jobs.push(Job {
            id: id.into(),
            notebook: notebook.into(),
            status: "pending".into(),
            message: None,
        });
        let _ = self.wake.send(());
    }

    pub fn job(&self, id: &str) -> Job {
        self.seen()
            .jobs
            .iter()
            .find(|job| job.id == id)
            .unwrap()
            .clone()
    }

    pub fn set_status(&self, id: &str, status: &str) {
        self.seen()
            .jobs
            .iter_mut()
            .find(|job| job.id == id)
            .unwrap()
            .status = status.into();
    }

    pub async fn job_is(&self, id: &str, status: &str) -> Job {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let job = self.job(id);
            if job.status == status {
                return job;
            }
            let is_late = Instant::now() >= deadline;
            assert!(!is_late, "not {status}: {job:?}, {:?}", self.seen());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let seen = self.seen();
        if let Some((status, body)) = seen.trouble {
            return Some((StatusCode::from_u16(status).unwrap(), body).into_response());
        }
        let bearer = headers.get("authorization").and_then(|v| v.to_str().ok());
        let good = bearer == Some(&format!("Bearer {TOKEN}")) && !seen.revoked;
        let body = json!({"error": "workstation credential is not recognized"});
        (!good).then(|| (StatusCode::UNAUTHORIZED, Json(body)).into_response())
    }
}

async fn redeem(
    State(cloud): State<FakeCloud>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    assert!(
        !headers.contains_key("authorization"),
        "no credential with a pairing code"
    );
    let mut seen = cloud.seen();
    if let Some((status, body)) = seen.trouble {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let code = body["code"].as_str().unwrap().to_owned();
    let good = code == CODE && !seen.code_used;
    seen.redeemed.push(code);
    if !good {
        let body = json!({"error": "pairing code is invalid, expired, or already used"});
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    }
    seen.code_used = true;
    let body = json!({"ok": true, "credential": {"token": TOKEN, "credential_id": "cred-1"}, "pairing": {"id": "p"}});
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn register(
    State(cloud): State<FakeCloud>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some((status, body)) = cloud.seen().registration_trouble {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    cloud.refusal(&headers).unwrap_or_else(|| {
        cloud.seen().registrations.push(body);
        (StatusCode::CREATED, Json(json!({"ok": true}))).into_response()
    })
}

async fn list(State(cloud): State<FakeCloud>, headers: HeaderMap) -> Response {
    cloud.refusal(&headers).unwrap_or_else(|| {
        let rows: Vec<Value> = cloud
            .seen()
            .registrations
            .iter()
            .enumerate()
            .map(|(index, row)| {
                json!({
                    "workstation_id": row["workstation_id"],
                    "display_name": "Lab \u{1b}[31mred\u{7}",
                    "status": "online",
                    "installed_build": null,
                    "channel": "stable",
                    "last_seen_at": "2026-11-20T14:00:00.000Z",
                    "is_default": index == 0,
                })
            })
            .collect();
        Json(json!({"ok": true, "workstations": rows})).into_response()
    })
}

async fn poll(State(cloud): State<FakeCloud>, headers: HeaderMap) -> Response {
    cloud.refusal(&headers).unwrap_or_else(|| {
        let mut seen = cloud.seen();
        seen.polls += 1;
        let active = seen.jobs.iter().filter(|job| ["pending", "accepted", "running"].contains(&&*job.status));
        let jobs: Vec<Value> = active
            .map(|job| json!({"job_id": job.id, "notebook_id": job.notebook, "status": job.status, "trigger": "user_attach"}))
            .collect();
        Json(json!({"ok": true, "jobs": jobs})).into_response()
    })
}

fn rank(status: &str) -> u8 {
    match status {
        "pending" => 0,
        "accepted" => 1,
        "running" => 2,
        _ => 3,
    }
}

async fn report(
    State(cloud): State<FakeCloud>,
    Path((_, id)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    cloud.refusal(&headers).unwrap_or_else(|| {
        let wanted = body["status"].as_str().unwrap().to_owned();
        let mut seen = cloud.seen();
        seen.patches.push((id.clone(), wanted.clone()));
        let Some(job) = seen.jobs.iter_mut().find(|job| job.id == id) else {
            return (
                StatusCode::NOT_FOUND,
                Json(json!({"error": "workstation attach job not found"})),
            )
                .into_response();
        };
        if rank(&job.status) < 3 && rank(&job.status) <= rank(&wanted) {
            job.status.clone_from(&wanted);
            job.message = body["error_message"].as_str().map(str::to_owned);
        }
        let shown = json!({"job_id": id, "status": job.status});
        if job.status == wanted {
            Json(json!({"ok": true, "job": shown})).into_response()
        } else {
            let body = json!({"error": "workstation attach job is no longer active", "job": shown});
            (StatusCode::CONFLICT, Json(body)).into_response()
        }
    })
}

async fn events(
    State(cloud): State<FakeCloud>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refusal) = cloud.refusal(&headers) {
        return refusal;
    }
    let wake = cloud.wake.subscribe();
    upgrade.on_upgrade(|socket| push(socket, wake))
}

async fn push(mut socket: WebSocket, mut wake: broadcast::Receiver<()>) {
    let mut text = r#"{"event":"ready","data":{"ok":true}}"#;
    loop {
        if socket.send(Message::Text(text.into())).await.is_err() || wake.recv().await.is_err() {
            return;
        }
        text = r#"{"event":"attach_jobs","data":{}}"#;
    }
}

/// Waits for a value with a deadline.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
