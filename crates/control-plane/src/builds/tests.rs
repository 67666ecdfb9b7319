use wire::WorkstationId;
use wire::http::{LatestBuilds, Workstation};

use super::*;

fn compared(channel: Option<&str>, installed: Option<&str>) -> (Option<String>, bool) {
    let mut workstation: Workstation = serde_json::from_value(serde_json::json!({
        "workstation_id": WorkstationId::from("ws"), "display_name": "ws", "status": "online",
        "provider": "runtime_peer", "channel": channel, "installed_build": installed,
        "created_at": "2026-06-12T10:26:40.000Z", "updated_at": "2026-06-12T10:26:40.000Z",
    }))
    .unwrap();
    let latest = LatestBuilds {
        stable: Some("2.8.0".into()),
        nightly: Some("2.9.0-nightly.10".into()),
    };
    compare(&mut workstation, &latest);
    (workstation.latest_build, workstation.is_outdated)
}

// CP-154
#[test]
fn cp_154_an_older_build_of_the_channel_is_outdated() {
    for (channel, installed, outdated) in [
        ("stable", "2.7.9", true),
        ("Stable", "2.8.0-rc.1", true),
        ("stable", "2.8.0+abc123", false),
        ("stable", "2.10.0", false),
        ("nightly", "2.9.0-nightly.9", true),
        ("nightly", "2.9.0", false),
        ("stable", "a build of my own", false),
    ] {
        let (latest, is_outdated) = compared(Some(channel), Some(installed));
        assert!(latest.is_some(), "{channel} {installed}");
        assert_eq!(is_outdated, outdated, "{channel} {installed}");
    }
    assert_eq!(
        compared(Some("stable"), None),
        (Some("2.8.0".to_owned()), false)
    );
}

// CP-155
#[test]
fn cp_155_a_channel_that_nobody_knows_has_no_latest_build() {
    for channel in [None, Some("beta"), Some("")] {
        assert_eq!(compared(channel, Some("0.0.1")), (None, false));
    }
}

#[test]
fn the_newer_of_two_is_chosen_by_number() {
    let chosen = |one: &str, other: &str| newer(one.into(), other.into());
    assert_eq!(chosen("0.9.0", "0.10.0"), "0.10.0");
    assert_eq!(chosen("0.10.0", "0.10.0-rc.1"), "0.10.0");
    assert_eq!(chosen("mine", "0.1.0"), "0.1.0");
    assert_eq!(chosen("0.1.0", "mine"), "0.1.0");
}
