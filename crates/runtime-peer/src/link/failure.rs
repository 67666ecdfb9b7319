//! Which failures to join the room are final, and how sure one has to be.
//!
//! A peer that has a kernel has something to lose: it believes a refusal only when the cloud says
//! it twice, and one that is not in the cloud's own words (a proxy, a sign-in portal) only after
//! minutes.

use std::time::Duration;

use cloud_client::{CloudError, Refusal};
use tokio::time::Instant;
use wire::close::{EPOCH_CHANGED, Verdict, verdict};

use super::READY_WAIT;
use crate::end::End;

/// How long the first connect is tried (WS-280).
const FIRST_CONNECT_WAIT: Duration = Duration::from_mins(1);
/// Two refusals this far apart are believed.
const SECOND_OPINION: Duration = Duration::from_secs(1);
/// Refusals that nobody can tell to be the cloud's are believed after this.
const FOREIGN_LIMIT: Duration = Duration::from_mins(10);

/// Why the room was not joined.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinFailure {
    #[error("{}", dial_words(.0))]
    Dial(#[from] CloudError),
    #[error("the room refused this peer: {0}")]
    Rejected(String),
    #[error("the room did not say ready within {} s", READY_WAIT.as_secs())]
    NotReady,
    #[error("the connection ended before the room said ready")]
    Ended,
    #[error("the room closed before it said ready: {0}")]
    Closed(String),
}

/// Which of the two a person can do something about comes first (RP 10.1): a right that is missing, or anything else.
fn dial_words(error: &CloudError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    match error.status() {
        Some(401 | 403) => format!("permission denied: {line}"),
        _ => line.to_owned(),
    }
}

impl JoinFailure {
    /// Whether a room token has to be renewed, and nothing else (decision D16).
    pub(super) fn is_expired_token(&self) -> bool {
        matches!(self, Self::Dial(error) if error.refusal().is_some_and(Refusal::is_expired_room_token))
    }

    /// The answer by which the cloud refuses for good, if this is one.
    fn refusal(&self) -> Option<&Refusal> {
        let Self::Dial(error) = self else { return None };
        error
            .refusal()
            .filter(|refusal| matches!(refusal.status, 400 | 401 | 403 | 404 | 409 | 410))
    }

    /// The end that this failure means once it is believed.
    fn end(&self, first: bool) -> Option<End> {
        let text = self.to_string();
        let refused = match self {
            Self::Closed(reason) if reason == EPOCH_CHANGED.reason => return Some(End::Anew),
            Self::Closed(reason) => match verdict(reason) {
                Verdict::Graceful => return Some(End::Idle),
                Verdict::Terminal => return Some(End::Closed(reason.clone())),
                Verdict::Recoverable => return None,
            },
            Self::Rejected(_) => true,
            _ => matches!(self.refusal()?.status, 401 | 403),
        };
        Some(match (first, refused) {
            (true, _) => End::FirstConnect(text),
            (false, true) => End::Refused(text),
            (false, false) => End::Closed(text),
        })
    }
}

/// Weighs failures in a row.
#[derive(Debug)]
pub(super) struct Doubt {
    patient: bool,
    started: Instant,
    joined: bool,
    /// The first refusal in the cloud's own words, and the first in any, since the last success.
    certain_since: Option<Instant>,
    refused_since: Option<Instant>,
}

impl Doubt {
    /// With `patient` there is a kernel already, though this peer was never in the room.
    pub(super) fn new(patient: bool) -> Self {
        Self {
            patient,
            started: Instant::now(),
            joined: false,
            certain_since: None,
            refused_since: None,
        }
    }

    /// The room was joined.
    pub(super) fn joined(&mut self) {
        self.joined = true;
        self.certain_since = None;
        self.refused_since = None;
    }

    /// Takes in a failure; the end it means, if it means one by now.
    pub(super) fn weigh(&mut self, failure: &JoinFailure, now: Instant) -> Option<End> {
        let first = !self.joined && !self.patient;
        let Some(refusal) = failure.refusal() else {
            let late = first && now - self.started >= FIRST_CONNECT_WAIT;
            return failure
                .end(first)
                .or_else(|| late.then(|| End::FirstConnect(failure.to_string())));
        };
        let refused = now - *self.refused_since.get_or_insert(now);
        let certain = refusal.in_cloud_words
            && now - *self.certain_since.get_or_insert(now) >= SECOND_OPINION;
        if first || certain || refused >= FOREIGN_LIMIT {
            return failure.end(first);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cloud_client::{CloudError, Refusal};
    use serde_json::{Value, json};
    use tokio::time::Instant;

    use super::{Doubt, FIRST_CONNECT_WAIT, FOREIGN_LIMIT, JoinFailure};
    use crate::end::End;

    fn refused(status: u16, body: Value) -> JoinFailure {
        JoinFailure::Dial(CloudError::Refused(Box::new(Refusal {
            call: "joining the room",
            status,
            in_cloud_words: body.get("error").is_some_and(Value::is_string),
            body,
            snippet: String::new(),
            retry_after: None,
        })))
    }

    fn ours() -> Value {
        json!({ "error": "workstation credential is not recognized" })
    }

    #[test]
    fn a_peer_with_a_kernel_believes_a_refusal_that_is_said_twice() {
        for patient in [true, false] {
            let mut doubt = Doubt::new(patient);
            if !patient {
                doubt.joined();
            }
            let now = Instant::now();
            assert_eq!(doubt.weigh(&refused(401, ours()), now), None);
            let soon = now + Duration::from_millis(500);
            assert_eq!(doubt.weigh(&refused(401, ours()), soon), None);
            // An unreachable cloud in between says nothing either way.
            assert_eq!(doubt.weigh(&JoinFailure::Ended, soon), None);
            let later = now + Duration::from_secs(2);
            let end = doubt.weigh(&refused(401, ours()), later);
            assert!(matches!(end, Some(End::Refused(_))), "{end:?}");
            doubt.joined();
            assert_eq!(doubt.weigh(&refused(401, ours()), later), None);
        }
    }

    #[test]
    fn what_a_portal_answers_is_believed_after_minutes() {
        let mut doubt = Doubt::new(false);
        doubt.joined();
        let now = Instant::now();
        let portal = || refused(401, Value::Null);
        assert_eq!(doubt.weigh(&portal(), now), None);
        let almost = now + FOREIGN_LIMIT.saturating_sub(Duration::from_secs(1));
        assert_eq!(doubt.weigh(&portal(), almost), None);
        let end = doubt.weigh(&portal(), now + FOREIGN_LIMIT);
        assert!(matches!(end, Some(End::Refused(_))), "{end:?}");
    }

    // WS-280
    #[test]
    fn the_first_connect_is_refused_at_once_and_given_up_after_a_minute() {
        let mut doubt = Doubt::new(false);
        let now = Instant::now();
        let end = doubt.weigh(&refused(403, ours()), now);
        assert!(matches!(end, Some(End::FirstConnect(_))), "{end:?}");
        let unwell = || refused(503, Value::Null);
        assert_eq!(doubt.weigh(&unwell(), now), None);
        let end = doubt.weigh(&unwell(), now + FIRST_CONNECT_WAIT + Duration::from_secs(1));
        assert!(matches!(end, Some(End::FirstConnect(_))), "{end:?}");
        let mut patient = Doubt::new(true);
        assert_eq!(patient.weigh(&unwell(), now + 9 * FIRST_CONNECT_WAIT), None);
    }
}
