//! The online projection, rule by rule.

use store::{Lease, Workstation};

use super::{Presence, is_alive, is_just_paired, needs_presence, view};

const NOW: i64 = 10_000_000;

fn row(seen_ago: i64, lease: Option<Lease>) -> Workstation {
    Workstation {
        owner_principal: "user:dev:ada".to_owned(),
        workstation_id: "ws".to_owned(),
        display_name: "ws".to_owned(),
        provider: "runtime_peer".to_owned(),
        provider_label: None,
        status: "online".to_owned(),
        status_message: Some("Ready".to_owned()),
        default_environment_label: None,
        environment_policy: None,
        installed_build: None,
        channel: None,
        working_directory: None,
        cpu_count: None,
        memory_bytes: None,
        accelerators_json: None,
        environments_json: None,
        created_ms: 0,
        updated_ms: 0,
        last_seen_ms: Some(NOW - seen_ago),
        lease,
        machine_id: None,
        hostname: None,
        os: None,
        address: None,
        online_since_ms: None,
        kernels_json: None,
        utilisation_json: None,
        clock_skew_ms: None,
        idle_minutes: None,
    }
}

fn lease(seen_ago: i64, online: bool, expires_in: i64) -> Lease {
    Lease {
        last_seen_ms: NOW - seen_ago,
        expires_ms: NOW + expires_in,
        online,
        offline_reason: None,
    }
}

fn shown(row: Workstation, presence: Presence) -> (String, Option<String>) {
    let view = view(row, None, presence, NOW);
    (view.status, view.status_message)
}

fn status(row: Workstation, presence: Presence) -> String {
    shown(row, presence).0
}

// CP-158 CP-159 CP-160 CP-181
#[test]
fn cp_159_a_fresh_lease_decides() {
    assert_eq!(
        status(row(10, Some(lease(10, true, 1))), Presence::Disconnected),
        "online"
    );
    assert_eq!(
        status(row(10, Some(lease(10, false, 1))), Presence::Connected),
        "offline"
    );
    assert_eq!(
        status(row(10, Some(lease(10, true, 0))), Presence::Connected),
        "offline"
    );
}

// CP-161
#[test]
fn cp_161_an_older_lease_is_ignored() {
    assert_eq!(
        status(row(10, Some(lease(11, false, -5))), Presence::Unknown),
        "online"
    );
}

// CP-162 CP-163 CP-166 CP-180
#[test]
fn cp_162_without_a_lease_age_or_a_socket_decides() {
    assert_eq!(status(row(179_000, None), Presence::Unknown), "online");
    assert_eq!(status(row(181_000, None), Presence::Unknown), "offline");
    assert_eq!(status(row(181_000, None), Presence::Connected), "online");
    assert_eq!(status(row(10, None), Presence::Unknown), "online");
}

// CP-164
#[test]
fn cp_164_sockets_are_asked_only_for_stale_undecided_rows() {
    assert!(needs_presence(&row(181_000, None), NOW));
    assert!(!needs_presence(&row(10, None), NOW));
    assert!(!needs_presence(
        &row(181_000, Some(lease(181_000, true, -1))),
        NOW
    ));
    let mut stored_offline = row(181_000, None);
    stored_offline.status = "offline".to_owned();
    assert!(!needs_presence(&stored_offline, NOW));
}

// CP-165
#[test]
fn cp_165_the_message_says_why_it_is_offline() {
    let message = |row, presence| shown(row, presence).1.unwrap();
    assert_eq!(
        message(row(181_000, None), Presence::Disconnected),
        "Workstation event socket is not connected."
    );
    assert_eq!(
        message(row(181_000, None), Presence::Unknown),
        "No heartbeat from this workstation recently."
    );
    assert_eq!(
        message(row(10, Some(lease(10, true, 5))), Presence::Connected),
        "Ready"
    );
}

// CP-130 CP-139
#[test]
fn cp_139_malformed_accelerators_read_as_unknown() {
    let mut broken = row(10, None);
    broken.accelerators_json = Some("{".to_owned());
    assert_eq!(
        view(broken, None, Presence::Unknown, NOW)
            .to_wire()
            .accelerators,
        None
    );
    let mut none = row(10, None);
    none.accelerators_json = Some("[]".to_owned());
    assert_eq!(
        view(none, None, Presence::Unknown, NOW)
            .to_wire()
            .accelerators,
        Some(Vec::new())
    );
}

#[test]
fn what_a_machine_does_is_told_while_it_is_online_and_in_the_list_alone() {
    let told = |online: bool| {
        let mut row = row(1_000, Some(lease(1_000, online, 60_000)));
        row.kernels_json =
            Some(r#"[{"name":"bash","display_name":"Bash","source":"kernelspec"}]"#.to_owned());
        row.utilisation_json = Some(r#"{"cpu_percent":5.0}"#.to_owned());
        view(row, None, Presence::Unknown, NOW)
    };
    let full = told(true).to_wire_in_full();
    assert_eq!(full.kernels.unwrap()[0].name, "bash");
    assert_eq!(full.utilisation.unwrap().cpu_percent, Some(5.0));
    let away = told(false).to_wire_in_full();
    assert!(away.kernels.is_some() && away.utilisation.is_none());
    let elsewhere = told(true).to_wire();
    assert!(elsewhere.kernels.is_none() && elsewhere.utilisation.is_none());
}

#[test]
fn a_machine_that_was_only_paired_is_offline_until_its_agent_is_heard() {
    let paired = |seen_ago| Workstation {
        status: "offline".to_owned(),
        status_message: None,
        ..row(seen_ago, None)
    };
    let view = view(paired(10), None, Presence::Unknown, NOW);
    assert_eq!(
        (view.status.as_str(), view.reason, view.since_ms),
        ("offline", Some("not_started"), Some(NOW - 10))
    );
    assert!(
        view.status_message
            .unwrap()
            .contains("runt workstation run")
    );
    assert_eq!(status(paired(10), Presence::Connected), "online");
    // Its name is taken as long as that of one that has just been heard.
    assert!(is_just_paired(&paired(179_000), NOW) && !is_just_paired(&paired(181_000), NOW));
    assert!(!is_just_paired(&row(10, None), NOW) && !is_alive(&paired(10), NOW));
}
