use serde_json::json;

use super::{WorkstationAttachment, check_fence, is_stale_publish};

fn attachment(id: &str, session: Option<&str>, status: &str) -> WorkstationAttachment {
    WorkstationAttachment {
        workstation_id: id.into(),
        runtime_session_id: session.map(Into::into),
        status: status.into(),
        ..Default::default()
    }
}

fn fence(at: &WorkstationAttachment, workstation: &str, session: Option<&str>) -> Option<String> {
    check_fence(at.selected(), workstation, session)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn rp_230_nothing_selected_admits_any_peer() {
    assert_eq!(check_fence(None, "ws-9", None), Ok(()));
    for id in ["", "runtime-peer"] {
        assert_eq!(
            fence(&attachment(id, Some("job-1"), "idle"), "ws-9", None),
            None
        );
    }
}

#[test]
fn rp_231_ready_admits_its_own_session() {
    let at = attachment("ws-1", Some("job-1"), "ready");
    assert_eq!(fence(&at, "ws-1", Some("job-1")), None);
    assert_eq!(
        fence(&at, "ws-2", Some("job-1")).unwrap(),
        "runtime peer workstation ws-2 does not match selected workstation ws-1"
    );
    assert_eq!(
        fence(&at, "ws-1", Some("job-2")).unwrap(),
        "runtime peer session job-2 does not match selected runtime session job-1"
    );
    assert_eq!(
        fence(&at, "ws-1", None).unwrap(),
        "runtime peer session unknown does not match selected runtime session job-1"
    );
    assert_eq!(
        fence(&attachment("ws-1", None, "ready"), "ws-1", Some("any")),
        None
    );
}

#[test]
fn rp_233_idle_admits_nobody() {
    let at = attachment("ws-1", Some("job-1"), "idle");
    assert_eq!(
        fence(&at, "ws-1", Some("job-1")).unwrap(),
        "selected runtime session is idle"
    );
}

#[test]
fn rp_234_disconnected_admits_the_same_runtime_again() {
    let at = attachment("ws-1", Some("job-1"), "disconnected");
    assert_eq!(fence(&at, "ws-1", Some("job-1")), None);
    assert!(
        fence(&at, "ws-1", Some("job-2"))
            .unwrap()
            .contains("does not match selected runtime")
    );
    assert!(
        fence(&at, "ws-2", Some("job-1"))
            .unwrap()
            .contains("does not match selected work")
    );
}

#[test]
fn rp_239_an_older_publish_of_another_session_is_stale() {
    let mut old = attachment("ws-1", Some("job-2"), "ready");
    old.updated_at = Some("2026-01-02T03:04:05.678Z".into());
    let mut new = attachment("ws-1", Some("job-1"), "ready");
    new.updated_at = Some("2026-01-02T03:04:05.677Z".into());
    assert!(is_stale_publish(&old, &new));
    assert!(!is_stale_publish(&new, &old));
    new.runtime_session_id = Some("job-2".into());
    assert!(!is_stale_publish(&old, &new));
    new.runtime_session_id = None;
    assert!(!is_stale_publish(&old, &new));
}

#[test]
fn the_shape_round_trips() {
    let value = json!({
        "workstation_id": "ws-1", "display_name": "Lab machine", "provider": "runtime_peer",
        "default_environment_label": "Current Python", "environment_policy": "runtime_peer",
        "status": "ready", "status_message": null, "cpu_count": 16, "memory_bytes": 137_438_953_472_u64,
        "accelerators": [{"kind": "gpu", "vendor": "x", "model": "y", "count": 1,
            "memory_bytes_per_device": null, "readiness": "ready", "diagnostic": null}],
        "working_directory": "/srv/work", "updated_at": "2026-01-02T03:04:05.678Z",
        "runtime_session_id": "job-42"
    });
    let parsed: WorkstationAttachment = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap(), value);
}
