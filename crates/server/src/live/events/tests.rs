use super::*;

// CP-228
#[tokio::test]
async fn cp_228_every_socket_of_the_exact_pair_gets_each_event() {
    let hub = EventHub::default();
    let mut one = hub.subscribe("ada", "ws", None);
    let mut two = hub.subscribe("ada", "ws", None);
    let mut other_workstation = hub.subscribe("ada", "other", None);
    let mut other_owner = hub.subscribe("eve", "ws", None);
    hub.send("ada", "ws", "x");
    assert_eq!(one.frames.recv().await.as_deref(), Some("x"));
    assert_eq!(two.frames.recv().await.as_deref(), Some("x"));
    assert!(other_workstation.frames.try_recv().is_err());
    assert!(other_owner.frames.try_recv().is_err());
}

// CP-231
#[test]
fn cp_231_presence_ends_with_the_last_socket() {
    let hub = EventHub::default();
    assert_eq!(hub.presence("ada", "ws"), Presence::Disconnected);
    let one = hub.subscribe("ada", "ws", None);
    let two = hub.subscribe("ada", "ws", None);
    drop(one);
    assert_eq!(hub.presence("ada", "ws"), Presence::Connected);
    assert_eq!(hub.presence("eve", "ws"), Presence::Disconnected);
    drop(two);
    assert_eq!(hub.presence("ada", "ws"), Presence::Disconnected);
}

// CP-229
#[tokio::test]
async fn cp_229_a_socket_that_lags_is_dropped_and_others_go_on() {
    let hub = EventHub::default();
    let mut slow = hub.subscribe("ada", "ws", None);
    let mut quick = hub.subscribe("ada", "ws", None);
    for _ in 0..=BACKLOG {
        hub.send("ada", "ws", "x");
        assert_eq!(quick.frames.recv().await.as_deref(), Some("x"));
    }
    let mut kept = 0;
    while slow.frames.recv().await.is_some() {
        kept += 1;
    }
    assert_eq!(kept, BACKLOG);
}

#[test]
fn revocation_reaches_the_sockets_of_that_credential_alone() {
    let hub = EventHub::default();
    let revoked = hub.subscribe("ada", "ws", Some("c1".into()));
    let kept = hub.subscribe("ada", "ws", Some("c2".into()));
    hub.close_credential("c1");
    assert!(revoked.revoked.is_cancelled());
    assert!(!kept.revoked.is_cancelled());
}
