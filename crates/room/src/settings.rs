//! The limits of a room.

/// Largest number of queries that wait for a runtime peer (room protocol 5.5).
pub(crate) const PENDING_QUERIES_MAX: usize = 128;
/// Age after which a waiting query is given up, in milliseconds.
pub(crate) const PENDING_QUERY_MAX_AGE_MS: i64 = 60_000;
/// Largest number of frames that wait behind one unanswered compute question.
pub(crate) const PARKED_MESSAGES_MAX: usize = 512;
/// Number of bytes of such frames with which no further one is taken.
pub(crate) const PARKED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a request waits for changes that its sender has shown or named, in milliseconds.
pub(crate) const HOLD_MS: i64 = 2_000;
/// Largest number of bytes of requests of a peer that wait for such changes.
pub(crate) const HELD_BYTES_MAX: usize = 1024 * 1024;
/// Largest number of bytes of changes kept back because what they depend on has not arrived.
pub(crate) const ORPHAN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Executions kept in the live document (documents 5.13).
pub(crate) const EXECUTIONS_KEPT: usize = 64;
/// How far the number may overshoot before a trim, so that a trim's cost is spread.
pub(crate) const EXECUTIONS_SLACK: usize = 16;

/// What an operator may configure about a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Idleness after which compute is stopped (room protocol 7.6).
    pub idle_ttl_ms: i64,
    /// Absence of a runtime peer after which its work is ended (decision D1).
    pub away_limit_ms: i64,
    /// How long after a load a runtime peer that was here is expected back before the attachment
    /// reads `disconnected`.
    pub restart_grace_ms: i64,
    /// Changes of a document from which on it starts over (decision D11).
    pub epoch_changes: u64,
    /// Bytes of a saved document from which on it starts over, if that at least halves it.
    pub epoch_bytes: usize,
    /// Changes of what a runtime peer writes from which on it starts over while people are there, once nothing has run
    /// and no widget has moved for a moment; half as many more, and it does so between two runs. Ten changes of widgets
    /// count as one. A room that shows much waits longer, up to five times as long: what it shows is stored anew each
    /// time.
    pub live_epoch_changes: u64,
}

/// About a thousand executions: each is a change of the room and some of its runtime peer.
const EPOCH_CHANGES: u64 = 4_000;
const EPOCH_BYTES: usize = 8 * 1024 * 1024;
/// About seventy executions: taking in a change costs a walk over all that was ever written to the objects it touches,
/// the queue and the kernel's state among them, so what one execution costs grows by a tenth within these.
const LIVE_EPOCH_CHANGES: u64 = 200;
/// Operations shown that are worth as many changes as a tenth of them.
pub(crate) const SHOWN_PER_CHANGE: u64 = 10;
/// How much longer a room waits at most that shows much.
pub(crate) const LIVE_EPOCH_SPAN: u64 = 5;
/// Changes of widgets that count as one: a slider that is drawn makes dozens in a second, and each costs a walk over what was
/// written to its own state only.
pub(crate) const WIDGET_CHANGES: u64 = 10;
/// Cells that show no outputs any more whose last ones stay while people are there, so that an undo shows them again.
pub(crate) const UNSHOWN_KEPT: usize = 32;
/// How long nothing may have run, and no widget moved, before documents start over under people's eyes, in milliseconds.
pub(crate) const QUIET_MS: i64 = 2_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_ttl_ms: 30 * 60 * 1000,
            away_limit_ms: 24 * 60 * 60 * 1000,
            restart_grace_ms: 15_000,
            epoch_changes: EPOCH_CHANGES,
            epoch_bytes: EPOCH_BYTES,
            live_epoch_changes: LIVE_EPOCH_CHANGES,
        }
    }
}
