//! The event socket's life: idle probe, reconnect with backoff (spec 3.7).

use crate::backoff::Jitter;
use crate::cooldown::{Step, retry_hint};
use crate::{Effect, LinkEvent, Millis};

/// Silence after which the socket is probed: below the minute after which proxies cut what is idle.
const IDLE_MS: Millis = 25_000;
const PONG_MS: Millis = 10_000;
const STABLE_MS: Millis = 60_000;
const FIRST_MS: Millis = 1_000;
const CAP_MS: Millis = 60_000;
const HINT_CAP_MS: Millis = 900_000;

#[derive(Debug)]
enum State {
    Down {
        retry_at: Millis,
    },
    Dialling,
    Up {
        since: Millis,
        heard: Millis,
        pinged: Option<Millis>,
    },
}

/// The state of the event socket.
#[derive(Debug)]
pub(crate) struct EventsLink {
    state: State,
    delay: Millis,
}

impl EventsLink {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Down { retry_at: 0 },
            delay: FIRST_MS,
        }
    }

    /// Takes news of the socket.
    pub(crate) fn handle(&mut self, now: Millis, event: &LinkEvent, jitter: &mut Jitter) {
        match event {
            LinkEvent::Opened => {
                self.state = State::Up {
                    since: now,
                    heard: now,
                    pinged: None,
                }
            }
            LinkEvent::AttachJobs | LinkEvent::WentOffline | LinkEvent::Traffic => {
                if let State::Up { heard, pinged, .. } = &mut self.state {
                    *heard = now;
                    *pinged = None;
                }
            }
            LinkEvent::Closed => {
                self.delay = FIRST_MS;
                self.state = State::Down {
                    retry_at: now + jitter.wide(FIRST_MS),
                };
            }
            LinkEvent::Failed(failure) => {
                if matches!(self.state, State::Up { since, .. } if now.saturating_sub(since) >= STABLE_MS)
                {
                    self.delay = FIRST_MS;
                }
                self.delay = (self.delay * 2).min(CAP_MS);
                // A busy server's hint is short, and the same for all whom it sent away.
                let wait = match retry_hint(Step::Events, failure) {
                    Some(hint) => hint.min(HINT_CAP_MS).max(self.delay),
                    None => self.delay,
                };
                self.state = State::Down {
                    retry_at: now + jitter.wide(wait),
                };
            }
        }
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Millis, jitter: &mut Jitter, out: &mut Vec<Effect>) {
        match &mut self.state {
            State::Down { retry_at } if *retry_at <= now => {
                self.state = State::Dialling;
                out.push(Effect::OpenLink);
            }
            State::Up {
                heard,
                pinged: pinged @ None,
                ..
            } if now >= *heard + IDLE_MS => {
                *pinged = Some(now);
                out.push(Effect::PingLink);
            }
            State::Up {
                pinged: Some(at), ..
            } if now >= *at + PONG_MS => {
                out.push(Effect::CloseLink);
                let silent = crate::CloudFailure {
                    message: "the event socket went silent".to_owned(),
                    ..crate::CloudFailure::default()
                };
                self.handle(now, &LinkEvent::Failed(silent), jitter);
            }
            _ => {}
        }
    }

    /// When something will be due.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        match &self.state {
            State::Down { retry_at } => Some(*retry_at),
            State::Dialling => None,
            State::Up {
                heard,
                pinged: None,
                ..
            } => Some(heard + IDLE_MS),
            State::Up {
                pinged: Some(at), ..
            } => Some(at + PONG_MS),
        }
    }

    /// Whether a socket is open or being opened.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Down { .. })
    }
}
