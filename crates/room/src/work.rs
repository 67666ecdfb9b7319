//! What an event leads to: first what is to be kept, then what is to be sent and done.

use documents::DocKind;
use wire::PeerId;

use crate::{Effect, Room};

/// One thing to do once everything that is to be kept is known.
#[derive(Debug)]
enum Step {
    Effect(Effect),
    /// A peer hears what it lacks of a document as it is now.
    Sync(PeerId, DocKind),
}

/// What an event has led to so far.
#[derive(Debug, Default)]
pub(crate) struct Work {
    appends: Vec<Effect>,
    steps: Vec<Step>,
}

impl Work {
    /// Starts with what a new room wrote.
    pub(crate) fn with(appends: Vec<Effect>) -> Self {
        let steps = Vec::new();
        Self { appends, steps }
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        match effect {
            Effect::Append { .. } => self.appends.push(effect),
            effect => self.steps.push(Step::Effect(effect)),
        }
    }

    /// Plans a sync message, which is written when its turn comes.
    pub(crate) fn sync(&mut self, peer_id: PeerId, document: DocKind) {
        self.steps.push(Step::Sync(peer_id, document));
    }

    pub(crate) fn take_appends(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.appends)
    }
}

impl Room {
    /// Returns the effects that follow those of [`Room::begin`]; to be asked for before the next event.
    pub fn rest(&mut self) -> Vec<Effect> {
        let steps = std::mem::take(&mut self.work.steps);
        let effect = |step| match step {
            Step::Effect(effect) => Some(effect),
            Step::Sync(peer_id, document) => self.sync_message(peer_id, document),
        };
        steps.into_iter().filter_map(effect).collect()
    }

    /// Writes what is planned of a document, which is about to change, or whose reader is about to leave.
    pub(crate) fn write_syncs(&mut self, document: DocKind) {
        let is_planned = |step: &Step| matches!(step, Step::Sync(_, of) if *of == document);
        if !self.work.steps.iter().any(is_planned) {
            return;
        }
        for step in std::mem::take(&mut self.work.steps) {
            match step {
                Step::Sync(peer_id, of) if of == document => {
                    let effect = self.sync_message(peer_id, of);
                    self.work.steps.extend(effect.map(Step::Effect));
                }
                step => self.work.steps.push(step),
            }
        }
    }

    /// Returns all effects at once.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        let mut effects = self.work.take_appends();
        effects.extend(self.rest());
        effects
    }

    /// The next sync message of a document for a peer, if it is still here and there is something to say.
    fn sync_message(&mut self, peer_id: PeerId, document: DocKind) -> Option<Effect> {
        let peer = self.peers.get_mut(&peer_id)?;
        let state = &mut peer.documents[document.index()];
        let payload = self.documents[document.index()].generate(state)?;
        let bytes = wire::frame::encode(document.frame_type(), &payload);
        Some(Effect::Send { peer_id, bytes })
    }
}
