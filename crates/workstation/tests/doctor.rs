//! What `doctor` finds on the way to the cloud, against real servers and proxies on this machine.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _};
use axum::routing::{any, get};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use workstation::{
    Env, Finding, Folders, Level, Patient, WorkstationSettings, default_workstation_id, examine,
    hostname,
};

/// The id of a machine that is not paired by a file.
fn machine() -> String {
    default_workstation_id(&hostname(&Env::from_pairs([])))
}

/// What a cloud answers where this machine is asked for.
fn machines(outdated: bool) -> Value {
    json!({ "ok": true, "workstations": [{
        "workstation_id": machine(),
        "installed_build": "1",
        "latest_build": "2",
        "is_outdated": outdated,
    }] })
}

fn cloud(listed: (StatusCode, Value), sockets: bool) -> Router {
    let listed = (listed.0, Json(listed.1));
    let health = json!({ "status": "ok", "service": "notebook-cloud" });
    let socket = move |upgrade: Result<WebSocketUpgrade, _>| async move {
        match upgrade {
            Ok(upgrade) if sockets => upgrade.on_upgrade(|mut socket| async move {
                let ready = r#"{"event":"ready"}"#.into();
                let _ = socket.send(Message::Text(ready)).await;
                while let Some(Ok(_)) = socket.recv().await {}
            }),
            Ok(_) => Html("<html>no sockets here</html>").into_response(),
            Err(rejection) => {
                let rejection: axum::extract::ws::rejection::WebSocketUpgradeRejection = rejection;
                rejection.into_response()
            }
        }
    };
    Router::new()
        .route("/api/health", get(move || async move { Json(health) }))
        .route("/api/workstations", get(move || async move { listed }))
        .route("/api/workstations/{id}/events", any(socket))
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A proxy that refuses everybody.
async fn strict_proxy() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// What is found on the way to this cloud.
async fn found(
    url: &str,
    variables: &[(&str, &str)],
    settings: WorkstationSettings,
) -> Vec<Finding> {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().to_str().unwrap();
    let mut all = [("", ""); 8];
    all[..4].copy_from_slice(&[
        ("HOME", home),
        ("RUNT_CLOUD_URL", url),
        ("RUNT_CLOUD_TOKEN", "nwc_test"),
        ("RUNT_ALLOW_INSECURE_HTTP", "1"),
    ]);
    all[4..4 + variables.len()].copy_from_slice(variables);
    let env = Env::from_pairs(all);
    let folders = Folders::find(&env).unwrap();
    examine(&Patient {
        env,
        folders,
        workstation_id: machine(),
        settings: Ok(settings),
        program: std::env::current_exe().unwrap(),
    })
    .await
}

/// The finding of that check has this level and says this; what helps is said unless nothing is wrong.
fn has(findings: &[Finding], check: &str, level: Level, says: &str) {
    let finding = findings.iter().find(|finding| finding.check == check);
    let finding = finding.unwrap_or_else(|| panic!("no {check}: {findings:?}"));
    assert_eq!(finding.level, level, "{findings:?}");
    assert!(finding.message.contains(says), "{finding:?}");
    assert_eq!(finding.hint.is_some(), level != Level::Ok, "{finding:?}");
    let text = format!("{finding:?}");
    assert!(
        !text.contains("secret") && !text.contains("nwc_test"),
        "{text}"
    );
}

fn settings() -> WorkstationSettings {
    WorkstationSettings::default()
}

#[tokio::test]
async fn a_cloud_within_reach_has_nothing_wrong() {
    let url = serve(cloud((StatusCode::OK, machines(false)), true)).await;
    let findings = found(&url, &[], settings()).await;
    for (check, says) in [
        ("dns", "127.0.0.1"),
        ("connection", "takes connections"),
        ("answer", "is a notebook cloud"),
        ("clock", "agrees"),
        ("access", "accepts"),
        ("version", "the newest"),
        ("websocket", "come through"),
    ] {
        has(&findings, check, Level::Ok, says);
    }
}

#[tokio::test]
async fn each_fault_of_the_way_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = free.local_addr().unwrap();
    drop(free);
    let findings = found(&format!("http://{gone}"), &[], settings()).await;
    has(&findings, "connection", Level::Problem, "refused");
    let findings = found("https://cloud.invalid", &[], settings()).await;
    has(&findings, "dns", Level::Problem, "cloud.invalid");

    let url = "https://cloud.test";
    let dead = format!("http://ada:secret@{gone}");
    let findings = found(url, &[("HTTPS_PROXY", &dead)], settings()).await;
    has(&findings, "proxy", Level::Problem, "from HTTPS_PROXY");
    let findings = found(url, &[("ALL_PROXY", "gopher://ada:secret@p")], settings()).await;
    has(
        &findings,
        "proxy",
        Level::Problem,
        "ALL_PROXY names no proxy",
    );
    let strict = format!("http://ada:secret@{}", strict_proxy().await);
    let findings = found(url, &[("https_proxy", &strict)], settings()).await;
    has(&findings, "proxy", Level::Ok, "takes connections");
    let last = findings.last().unwrap().clone();
    has(
        &[last],
        "proxy",
        Level::Problem,
        "asks for a name and a password",
    );

    let missing = WorkstationSettings {
        ca_file: Some("/nowhere/ca.pem".into()),
        ..settings()
    };
    let findings = found(url, &[], missing).await;
    has(&findings, "certificate", Level::Problem, "/nowhere/ca.pem");
}

#[tokio::test]
async fn each_wrong_answer_is_named() {
    let portal = Router::new().fallback(|| async { Html("<html>sign in</html>") });
    let findings = found(&serve(portal).await, &[], settings()).await;
    has(&findings, "answer", Level::Problem, "sign-in portal");
    let other = Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "nothing") });
    let findings = found(&serve(other).await, &[], settings()).await;
    has(&findings, "answer", Level::Problem, "no notebook cloud");
    let revoked = json!({ "error": "workstation credential is not recognized" });
    let url = serve(cloud((StatusCode::UNAUTHORIZED, revoked), true)).await;
    let findings = found(&url, &[], settings()).await;
    has(&findings, "access", Level::Problem, "rejects");
    let url = serve(cloud((StatusCode::OK, machines(true)), true)).await;
    let findings = found(&url, &[], settings()).await;
    has(
        &findings,
        "version",
        Level::Warning,
        "runs 1, the newest is 2",
    );
    let url = serve(cloud((StatusCode::OK, machines(false)), false)).await;
    let findings = found(&url, &[], settings()).await;
    has(&findings, "websocket", Level::Problem, "no WebSocket does");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_named_until_its_file_is() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for is_ca in [
        IsCa::NoCa,
        // As `openssl req -x509` makes them.
        IsCa::Ca(BasicConstraints::Unconstrained),
    ] {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        is_named_until_its_file_is(certificate, key.serialize_pem()).await;
    }
}

/// What is found of a server that shows this certificate, and is found of it when it is named.
async fn is_named_until_its_file_is(certificate: String, key: String) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("ca.pem");
    std::fs::write(&file, &certificate).unwrap();
    let tls = RustlsConfig::from_pem(certificate.into(), key.into());
    let tls = tls.await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let router = cloud((StatusCode::OK, machines(false)), true);
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));

    let findings = found(&url, &[], settings()).await;
    has(&findings, "certificate", Level::Problem, "authority");
    let known = WorkstationSettings {
        ca_file: Some(file),
        ..settings()
    };
    let findings = found(&url, &[], known).await;
    has(&findings, "certificate", Level::Ok, "known authority");
    has(&findings, "websocket", Level::Ok, "come through");
}
