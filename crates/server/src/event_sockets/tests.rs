use super::*;

// CP-228
#[tokio::test]
async fn cp_228_every_socket_of_the_exact_pair_gets_each_event() {
    let sockets = EventSockets::default();
    let mut one = sockets.subscribe("ada", "ws", None);
    let mut two = sockets.subscribe("ada", "ws", None);
    let mut other_workstation = sockets.subscribe("ada", "other", None);
    let mut other_owner = sockets.subscribe("eve", "ws", None);
    sockets.send("ada", "ws", "x");
    assert_eq!(one.frames.recv().await.as_deref(), Some("x"));
    assert_eq!(two.frames.recv().await.as_deref(), Some("x"));
    assert!(other_workstation.frames.try_recv().is_err());
    assert!(other_owner.frames.try_recv().is_err());
}

// CP-231
#[test]
fn cp_231_presence_ends_with_the_last_socket() {
    let sockets = EventSockets::default();
    assert_eq!(sockets.presence("ada", "ws"), Presence::Disconnected);
    let one = sockets.subscribe("ada", "ws", None);
    let two = sockets.subscribe("ada", "ws", None);
    drop(one);
    assert_eq!(sockets.presence("ada", "ws"), Presence::Connected);
    assert_eq!(sockets.presence("eve", "ws"), Presence::Disconnected);
    drop(two);
    assert_eq!(sockets.presence("ada", "ws"), Presence::Disconnected);
}

// CP-229
#[tokio::test]
async fn cp_229_a_socket_that_lags_is_dropped_and_others_go_on() {
    let sockets = EventSockets::default();
    let mut slow = sockets.subscribe("ada", "ws", None);
    let mut quick = sockets.subscribe("ada", "ws", None);
    for _ in 0..=BACKLOG {
        sockets.send("ada", "ws", "x");
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
    let sockets = EventSockets::default();
    let revoked = sockets.subscribe("ada", "ws", Some("c1".into()));
    let kept = sockets.subscribe("ada", "ws", Some("c2".into()));
    sockets.close_credential("c1");
    assert!(revoked.revoked.is_cancelled());
    assert!(!kept.revoked.is_cancelled());
}
