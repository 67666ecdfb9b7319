//! `runt workstation status`: what it says of this machine, its credential and the cloud; every output is a snapshot.

#![allow(clippy::unwrap_used)]

mod home;
#[path = "../../workstation/tests/support/mod.rs"]
mod support;

use home::Home;
use insta::assert_snapshot;

// WS-099 WS-100 WS-101 WS-102 WS-103
#[tokio::test]
async fn ws_099_100_101_103_status_is_a_table() {
    let home = Home::new().await;
    home.pair();
    assert_snapshot!(home.runt(&["status"]).await, @r"
    exit: 0
    --- stdout
    Cloud:        CLOUD
    This machine: ws-1 (Lab)
    Credential:   HOME/config/runt/workstation.json, paired 2026-11-20T14:00:00Z
    Kernels:      PROTECTION
    Agent:        not running

    No workstation is registered yet.
    Hint: start the agent with `runt workstation run`
    --- stderr
    ");
    for id in ["ws-1", "ws-2"] {
        home.cloud
            .seen()
            .registrations
            .push(serde_json::json!({"workstation_id": id}));
    }
    assert_snapshot!(home.runt(&["status"]).await, @r"
    exit: 0
    --- stdout
    Cloud:        CLOUD
    This machine: ws-1 (Lab)
    Credential:   HOME/config/runt/workstation.json, paired 2026-11-20T14:00:00Z
    Kernels:      PROTECTION
    Agent:        not running

    WORKSTATION                  NAME                     STATUS    CHANNEL  BUILD                    LAST SEEN                 DEFAULT
    ws-1                         Lab [31mred              online    stable   -                        2026-11-20T14:00:00.000Z  *
    ws-2                         Lab [31mred              online    stable   -                        2026-11-20T14:00:00.000Z
    --- stderr
    ");
}

// WS-098
#[tokio::test]
async fn ws_098_status_json_is_the_clouds_answer() {
    let home = Home::new().await;
    home.pair();
    let text = home.runt(&["status", "--json"]).await;
    let body = text
        .strip_prefix("exit: 0\n--- stdout\n")
        .and_then(|t| t.strip_suffix("--- stderr\n"))
        .unwrap();
    let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
    let machine = value.as_object_mut().unwrap().remove("this_machine");
    let mut machine = machine.unwrap();
    let protection = ["protected", "unprotected_because", "protection_trouble"]
        .map(|member| machine.as_object_mut().unwrap().remove(member).unwrap());
    assert_eq!(protection[0].as_bool().unwrap(), protection[1].is_null());
    assert_eq!(
        machine,
        serde_json::json!({
            "workstation_id": "ws-1", "display_name": "Lab", "cloud_url": "CLOUD",
            "credential": "file", "credential_file": "HOME/config/runt/workstation.json",
            "connected_at": "2026-11-20T14:00:00Z", "agent": null, "agent_trouble": null,
            "unattended": 0,
        })
    );
    assert_eq!(value, serde_json::json!({"ok": true, "workstations": []}));
    assert!(body.contains("\n  \"ok\""), "{body}");
}

// WS-096 WS-097 WS-377
#[tokio::test]
async fn ws_096_097_status_of_a_refused_credential() {
    let home = Home::new().await;
    home.pair();
    home.cloud.seen().revoked = true;
    assert_snapshot!(home.runt(&["status"]).await, @r"
    exit: 1
    --- stdout
    Cloud:        CLOUD
    This machine: ws-1 (Lab)
    Credential:   HOME/config/runt/workstation.json, paired 2026-11-20T14:00:00Z
    Kernels:      PROTECTION
    Agent:        not running

    --- stderr
    Error: CLOUD rejects this machine's credential; it may have been revoked
    Hint: pair again with `runt workstation connect CLOUD`
    ");
    home.cloud.seen().trouble = Some((503, "closed for today"));
    assert_snapshot!(home.runt(&["status"]).await, @r"
    exit: 1
    --- stdout
    Cloud:        CLOUD
    This machine: ws-1 (Lab)
    Credential:   HOME/config/runt/workstation.json, paired 2026-11-20T14:00:00Z
    Kernels:      PROTECTION
    Agent:        not running

    --- stderr
    Error: listing the workstations failed: the cloud answered 503: closed for today
    ");
}
