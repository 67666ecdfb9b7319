use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn round_trips<T: Serialize + DeserializeOwned>(value: &Value) -> T {
    let parsed: T = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&parsed).unwrap(), value);
    parsed
}

fn job() -> Value {
    json!({
        "job_id": "254f71a2", "notebook_id": "01M7", "workstation_id": "ws-lab2",
        "status": "pending", "trigger": "user_attach",
        "requested_at": "2026-06-12T10:20:00.000Z", "updated_at": "2026-06-12T10:20:00.000Z",
        "accepted_at": null, "finished_at": null, "error_message": null,
        "runtime_peer": {
            "cloud_url": "https://cloud.example.org", "notebook_id": "01M7", "scope": "runtime_peer"
        }
    })
}

fn workstation() -> Value {
    json!({
        "workstation_id": "ws-lab2", "display_name": "Lab workstation 2",
        "provider": "runtime_peer", "provider_label": "On-prem", "status": "online",
        "status_message": "Ready", "default_environment_label": "Current Python",
        "environment_policy": "current_python", "installed_build": "2.7.2+abc123",
        "channel": "stable", "latest_build": "2.8.0", "is_outdated": true,
        "working_directory": "/home/ada/projects", "cpu_count": 32,
        "memory_bytes": 270_582_939_648_u64,
        "accelerators": [{
            "kind": "gpu", "vendor": "NVIDIA", "model": "A100-SXM4-80GB", "count": 2,
            "memory_bytes_per_device": 85_899_345_920_u64, "readiness": "ready", "diagnostic": null
        }],
        "environments": [{
            "id": "current-python", "label": "Current Python", "policy": "current_python",
            "available": true, "is_default": true, "detail": "CPython 3.13", "health": "ok"
        }],
        "created_at": "2026-06-12T10:16:05.020Z", "updated_at": "2026-06-12T10:16:05.020Z",
        "last_seen_at": "2026-06-12T10:16:05.020Z", "is_default": true
    })
}

#[test]
fn spec_examples_round_trip() {
    round_trips::<AttachJob>(&job());
    round_trips::<Workstation>(&workstation());
    round_trips::<AttachResponse>(&json!({"ok": true, "job": job(), "workstation": workstation()}));
    round_trips::<RegisterResponse>(&json!({
        "ok": true, "latest_builds": {"stable": "2.8.0", "nightly": null},
        "workstation": workstation()
    }));
    round_trips::<PollPairingResponse>(&json!({"ok": true, "pairing": {
        "id": "89e1", "status": "registered", "expires_at": "2026-06-12T10:25:30.123Z",
        "workstation_id": "ws-lab2"
    }}));
    round_trips::<ErrorBody>(
        &json!({"error": "workstation not found", "code": "workstation_not_found"}),
    );
}

#[test]
fn events_have_their_exact_shape() {
    let event = round_trips::<WorkstationEvent>(&json!({"event": "attach_jobs", "data": {
        "event": "attach_jobs", "workstation_id": "ws-lab2", "job_id": "254f71a2",
        "notebook_id": "01M7", "status": "pending",
        "requested_at": "2026-06-12T10:20:00.000Z", "updated_at": "2026-06-12T10:20:00.000Z"
    }}));
    let job: AttachJob = serde_json::from_value(job()).unwrap();
    assert_eq!(event, WorkstationEvent::attach_jobs(&job));
    round_trips::<WorkstationEvent>(
        &json!({"event": "ready", "data": {"ok": true, "connected_at": "2026-06-12T10:20:00.000Z"}}),
    );
}

#[test]
fn secrets_do_not_print() {
    let credential = IssuedCredential {
        token: "nwc_secret".into(),
        credential_id: "c".into(),
    };
    assert!(!format!("{credential:?}").contains("secret"));
}
