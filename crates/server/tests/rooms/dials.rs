//! What a dial may say of itself, and which runtime peer comes in.

use control_plane::people::{self, Profile};
use serde_json::json;
use store::Accounts as _;

use crate::support::{Peer, Running, refusal};

/// A notebook with an attached machine `ws`; their ids.
async fn attached(server: &Running) -> (String, String) {
    let notebook = server.create().await;
    let machine = r#"{"workstation_id": "ws"}"#;
    let (status, _) = server
        .call("POST", "/api/workstations", "ada", machine)
        .await;
    assert_eq!(status, 201);
    let path = format!("/api/n/{notebook}/workstation-attachments");
    let (status, attached) = server.call("POST", &path, "ada", machine).await;
    assert_eq!(status, 202, "{attached}");
    let job = attached["job"]["job_id"].as_str().unwrap().to_owned();
    (notebook, job)
}

async fn dial_as_runtime(
    server: &Running,
    notebook: &str,
    workstation: &str,
    session: &str,
) -> Result<Peer, tokio_tungstenite::tungstenite::Error> {
    let headers = [
        ("x-user", "ada"),
        ("x-scope", "runtime_peer"),
        ("x-nteract-workstation-id", workstation),
        ("x-nteract-runtime-session-id", session),
    ];
    server.dial(notebook, &headers).await
}

// CP-042
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_042_what_only_a_gate_may_say_is_not_believed_of_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let notebook = server.create().await;
    let headers = [
        ("x-user", "ada"),
        ("x-scope", "viewer"),
        ("x-operator", "desktop:one"),
        ("x-nteract-principal", "user:dev:eve"),
        ("x-nteract-operator", "desktop:two"),
        ("x-nteract-scope", "owner"),
        ("x-nteract-identity-provider", "oidc"),
        ("x-nteract-credential-transport", "bearer"),
        ("x-nteract-principal-namespace", "user:oidc"),
        ("x-nteract-display-name", "Eve"),
        ("x-nteract-email", "eve@example.org"),
    ];
    let mut peer = server.dial(&notebook, &headers).await.unwrap();
    let ready = peer.until_control("cloud_room_ready").await;
    assert_eq!(ready["actor_label"], "user:dev:ada/desktop:one");
    assert_eq!(ready["connection_scope"], "viewer");
    assert_eq!(ready["identity_provider"], "dev");
    assert_eq!(ready["principal_namespace"], "user:dev");
    let all = ready.to_string().to_lowercase();
    assert!(!all.contains("eve"), "{all}");
    server.stop().await;
}

// CP-256
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_256_another_machine_or_session_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let (notebook, job) = attached(&server).await;
    let refused = refusal(dial_as_runtime(&server, &notebook, "other", &job).await);
    let text = "runtime peer workstation other does not match selected workstation ws";
    assert_eq!(refused, (409, text.to_owned()));
    let refused = refusal(dial_as_runtime(&server, &notebook, "ws", "job-0").await);
    let text = format!("runtime peer session job-0 does not match selected runtime session {job}");
    assert_eq!(refused, (409, text));
    dial_as_runtime(&server, &notebook, "ws", &job)
        .await
        .unwrap();
    server.stop().await;
}

// CP-247
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_247_a_session_stopped_for_idleness_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let (notebook, job) = attached(&server).await;
    let idle = wire::WorkstationAttachment {
        workstation_id: "ws".into(),
        status: "idle".into(),
        runtime_session_id: Some(job.clone()),
        ..Default::default()
    };
    let rooms = server.app.rooms();
    rooms
        .publish_attachment(&server.app, &notebook, idle, None)
        .await
        .unwrap();
    let refused = refusal(dial_as_runtime(&server, &notebook, "ws", &job).await);
    let text = "selected runtime session is idle";
    assert_eq!(refused, (409, text.to_owned()));
    server.stop().await;
}

// CP-257
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_257_a_second_peer_of_the_machine_closes_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let (notebook, job) = attached(&server).await;
    let dial = || dial_as_runtime(&server, &notebook, "ws", &job);
    let mut first = dial().await.unwrap();
    first.until_control("cloud_room_ready").await;
    let mut second = dial().await.unwrap();
    let ready = second.until_control("cloud_room_ready").await;
    assert_eq!(ready["runtime_peer_count"], 1);
    let closed = loop {
        if let Some(closed) = first.step_code().await {
            break closed;
        }
    };
    assert_eq!(closed, (1008, "replaced by newer runtime peer".to_owned()));
    server.stop().await;
}

/// Pairs a machine of ada's and registers it; its token.
async fn paired(server: &Running, id: &str) -> String {
    let codes = "/api/workstations/pairing-codes";
    let (_, minted) = server.call("POST", codes, "ada", "").await;
    let code = json!({"code": minted["pairing"]["code"]}).to_string();
    let redeem = format!("{codes}/redeem");
    let (status, redeemed) = server.call("POST", &redeem, "", &code).await;
    assert_eq!(status, 201, "{redeemed}");
    let token = redeemed["credential"]["token"].as_str().unwrap();
    let body = json!({"workstation_id": id}).to_string();
    let (status, answer) = server
        .call_as_machine("POST", "/api/workstations", token, &body)
        .await;
    assert_eq!(status, 201, "{answer}");
    token.to_owned()
}

// HAZ-4: a machine's credential is good for its own machine's peer alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_is_no_other_machines_runtime_peer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let (notebook, job) = attached(&server).await;
    let other = format!("Bearer {}", paired(&server, "other").await);
    let dial = |workstation: &'static str| {
        let headers = [
            ("authorization", other.as_str()),
            ("x-scope", "runtime_peer"),
            ("x-nteract-workstation-id", workstation),
            ("x-nteract-runtime-session-id", job.as_str()),
        ];
        let (server, notebook) = (&server, notebook.as_str());
        async move { server.dial(notebook, &headers).await }
    };
    let mut own = dial_as_runtime(&server, &notebook, "ws", &job)
        .await
        .unwrap();
    own.until_control("cloud_room_ready").await;
    let (status, text) = refusal(dial("ws").await);
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("belongs to another workstation"), "{text}");
    assert_eq!(refusal(dial("other").await).0, 409);
    // Nor is another person's peer of the same id, though they may send a machine of their own.
    let acl = format!("/api/n/{notebook}/acl");
    let row =
        json!({"subject_kind": "principal", "subject": "user:dev:bob", "scope": "runtime_peer"});
    assert_eq!(
        server.call("POST", &acl, "ada", &row.to_string()).await.0,
        201
    );
    let headers = [
        ("x-user", "bob"),
        ("x-scope", "runtime_peer"),
        ("x-nteract-workstation-id", "ws"),
        ("x-nteract-runtime-session-id", job.as_str()),
    ];
    let (status, text) = refusal(server.dial(&notebook, &headers).await);
    assert_eq!(status, 403, "{text}");
    own.settle().await;
    server.stop().await;
}

// CP-298
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_298_an_invite_lets_its_person_in_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let notebook = server.create().await;
    let profile = Profile {
        principal: "user:dev:grace".into(),
        namespace: "user:dev".into(),
        provider: people::OIDC,
        display_name: None,
        email: Some("grace@example.org".into()),
    };
    people::signed_in(server.app.catalog(), &profile, server.app.now_ms())
        .await
        .unwrap();
    let editor = [("x-user", "grace"), ("x-scope", "editor")];
    assert_eq!(refusal(server.dial(&notebook, &editor).await).0, 403);
    let invite = json!({"email": "grace@example.org", "scope": "editor"}).to_string();
    let path = format!("/api/n/{notebook}/invites");
    assert_eq!(server.call("POST", &path, "ada", &invite).await.0, 201);
    let mut grace = server.dial(&notebook, &editor).await.unwrap();
    let ready = grace.until_control("cloud_room_ready").await;
    assert_eq!(ready["connection_scope"], "editor");
    server.stop().await;
}

// CP-330
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_330_no_profile_is_kept_of_development_and_anonymous_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let notebook = server.create().await;
    let public = r#"{"subject_kind":"public","subject":"anonymous","scope":"viewer"}"#;
    let path = format!("/api/n/{notebook}/acl");
    assert_eq!(server.call("POST", &path, "ada", public).await.0, 201);
    let _ada = server.join(&notebook, "ada", "owner").await;
    let mut nobody = server.dial(&notebook, &[]).await.unwrap();
    let ready = nobody.until_control("cloud_room_ready").await;
    let label = ready["actor_label"].as_str().unwrap();
    let (anonymous, _) = label.split_once('/').unwrap();
    for principal in ["user:dev:ada", anonymous] {
        let kept = server.app.catalog().account(principal).await.unwrap();
        assert_eq!(kept, None, "{principal}");
    }
    server.stop().await;
}
