//! Close codes and reasons of a room, and what a runtime client makes of them (room protocol 7.7).

/// Normal closure.
pub const CODE_NORMAL: u16 = 1000;
/// Policy closure.
pub const CODE_POLICY: u16 = 1008;
/// A message that is too large (RFC 6455, 7.4.1).
pub const CODE_SIZE: u16 = 1009;
/// Server error.
pub const CODE_ERROR: u16 = 1011;
/// Service restart.
pub const CODE_RESTART: u16 = 1012;

/// A close frame a room sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The reason; clients decide by it alone.
    pub reason: &'static str,
}

/// Too many rejected frames in a row.
pub const TOO_MANY_REJECTED: Close = Close {
    code: CODE_POLICY,
    reason: "too many rejected frames",
};
/// A newer runtime peer of the same workstation came.
pub const REPLACED_BY_NEWER: Close = Close {
    code: CODE_POLICY,
    reason: "replaced by newer runtime peer",
};
/// Nothing ran for the idle time.
pub const IDLE_TIMEOUT: Close = Close {
    code: CODE_NORMAL,
    reason: "runtime idle timeout",
};
/// The owner asked for a restart.
pub const RESTART_REQUESTED: Close = Close {
    code: CODE_RESTART,
    reason: "workstation restart requested",
};
/// The attachment was replaced.
pub const ATTACHMENT_REPLACED: Close = Close {
    code: CODE_RESTART,
    reason: "workstation attachment replaced",
};
/// Another workstation was attached.
pub const ATTACHMENT_SWITCHED: Close = Close {
    code: CODE_RESTART,
    reason: "workstation attachment switched",
};
/// The peer's session is no longer selected.
pub const STALE_SESSION: Close = Close {
    code: CODE_POLICY,
    reason: "stale runtime session",
};
/// The owner forced a repair.
pub const STATE_REPAIR: Close = Close {
    code: CODE_POLICY,
    reason: "runtime state repair",
};
/// The room started its documents over (decision D11): drop yours before dialling again.
pub const EPOCH_CHANGED: Close = Close {
    code: CODE_RESTART,
    reason: "room epoch changed",
};
/// The first sync failed.
pub const SYNC_FAILED: Close = Close {
    code: CODE_ERROR,
    reason: "room sync failed",
};
/// The public link was revoked.
pub const PUBLIC_LINK_REVOKED: Close = Close {
    code: CODE_POLICY,
    reason: "public link access revoked",
};
/// A principal lost the scope of its socket.
pub const ACCESS_REVOKED: Close = Close {
    code: CODE_POLICY,
    reason: "access revoked",
};
/// The owner moved the notebook to the trash.
pub const NOTEBOOK_TRASHED: Close = Close {
    code: CODE_POLICY,
    reason: "notebook moved to trash",
};
/// The owner deleted the notebook for good.
pub const NOTEBOOK_DELETED: Close = Close {
    code: CODE_POLICY,
    reason: "notebook deleted",
};
/// A peer does not read what it is sent.
pub const SLOW_CONSUMER: Close = Close {
    code: CODE_POLICY,
    reason: "outbound queue is full",
};
/// A message is larger than any that the socket may send.
pub const MESSAGE_TOO_LARGE: Close = Close {
    code: CODE_SIZE,
    reason: "message is too large",
};
/// The reference client also ends on this text; no current room sends it.
pub const REASON_WORKSTATION_MISMATCH: &str = "workstation mismatch";

/// What a runtime client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Dial again.
    Recoverable,
    /// End, successfully.
    Graceful,
    /// End.
    Terminal,
}

/// Returns a runtime client's verdict on a close, by its trimmed reason alone.
pub fn verdict(reason: &str) -> Verdict {
    let reason = reason.trim();
    if reason == IDLE_TIMEOUT.reason {
        return Verdict::Graceful;
    }
    let terminal = [
        TOO_MANY_REJECTED.reason,
        REPLACED_BY_NEWER.reason,
        RESTART_REQUESTED.reason,
        ATTACHMENT_REPLACED.reason,
        ATTACHMENT_SWITCHED.reason,
        STALE_SESSION.reason,
        // What a peer holds can never be synced again. Ours takes up fresh documents and goes on.
        EPOCH_CHANGED.reason,
        NOTEBOOK_TRASHED.reason,
        NOTEBOOK_DELETED.reason,
        REASON_WORKSTATION_MISMATCH,
    ];
    if terminal.contains(&reason) {
        Verdict::Terminal
    } else {
        Verdict::Recoverable
    }
}

#[cfg(test)]
mod tests;
