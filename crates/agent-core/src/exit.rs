//! What a peer's end means and how it is told.

use crate::PeerExit;

/// Whether an end is a crash of the peer and not the end of its work.
pub(crate) fn is_crash(exit: &PeerExit) -> bool {
    // Hang-up, interrupt and terminate are requests; 101 is a panic, 134 an abort.
    exit.unseen
        || exit
            .signal
            .is_some_and(|signal| !matches!(signal, 1 | 2 | 15))
        || matches!(exit.code, Some(101 | 134))
}

/// The text that people read about a failed peer (spec 3.14).
pub(crate) fn exit_message(exit: &PeerExit, was_ready: bool) -> String {
    let known: Vec<String> = [("code", exit.code), ("signal", exit.signal)]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
        .collect();
    let mut text = match (known.is_empty(), exit.unseen, was_ready) {
        (false, _, _) => format!("Runtime peer exited with {}", known.join(", ")),
        (true, false, _) => "Runtime peer exited".to_owned(),
        (true, true, true) => {
            "Runtime peer exited while the workstation agent could not observe it".to_owned()
        }
        (true, true, false) => {
            "Runtime peer exited before the workstation agent had recovered it".to_owned()
        }
    };
    if let Some(detail) = exit.detail.as_deref().filter(|d| !d.is_empty()) {
        text.push_str(": ");
        text.extend(detail.chars().take(200));
    }
    text
}
