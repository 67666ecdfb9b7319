//! A room whose disk is full leaves a frame out without a word on that frame (room protocol 3.6). The sync believes that
//! the room has what it held, so both begin it anew on another link, after a wait that grows as long as this goes on.

use wire::UnixMs;

use crate::commit::OpKind;
use crate::event::Effect;
use crate::session::Session;

/// The first wait.
const FIRST_MS: i64 = 1_000;
/// The longest wait.
const LAST_MS: i64 = 30_000;

/// Where that stands.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Whole,
    Waiting(UnixMs),
    /// The link is being ended.
    Asked,
}

/// Whether the sync is to begin anew.
#[derive(Debug, Default)]
pub(crate) struct Resync {
    stage: Stage,
    /// Times in a row.
    times: u32,
}

impl Resync {
    pub fn is_due(&self) -> bool {
        !matches!(self.stage, Stage::Whole)
    }

    pub fn due_at(&self) -> Option<UnixMs> {
        match self.stage {
            Stage::Waiting(at) => Some(at),
            Stage::Whole | Stage::Asked => None,
        }
    }

    /// Another link carries nothing of the one before.
    pub fn link_up(&mut self) {
        self.stage = Stage::Whole;
    }

    /// The room has taken all that was written.
    pub fn works(&mut self) {
        self.times = 0;
    }
}

impl Session {
    /// The room left a frame out. Nothing is written or sent, and no answer counts, until all is compared anew.
    pub(crate) fn room_degraded(&mut self, reason: &str) {
        if self.resync.is_due() {
            return;
        }
        let wait = FIRST_MS << self.resync.times.min(5);
        self.resync.times += 1;
        self.resync.stage = Stage::Waiting(self.now.plus(wait.min(LAST_MS)));
        if let Some(position) = self.acks.reset() {
            self.push_op(OpKind::Position(position), Vec::new());
        }
        self.dirty = true;
        self.effects.push(Effect::Warn(format!(
            "the room cannot store what the notebook shows: {reason}"
        )));
    }

    pub(crate) fn resync_if_due(&mut self) {
        if self.resync.due_at().is_some_and(|at| at <= self.now) {
            self.resync.stage = Stage::Asked;
            self.effects.push(Effect::Reconnect);
        }
    }
}
