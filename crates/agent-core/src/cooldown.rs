//! How long the agent leaves the cloud alone when told to (spec 3.17).

use crate::{CloudFailure, Millis};

/// Shortest wait that a hint can ask for.
const MIN_MS: Millis = 1_000;
/// Hint when 429 or 503 names none, and when it is not the cloud that says 404 or 410.
const DEFAULT_MS: Millis = 60_000;
/// Hint when 404 or 410 names none: the workstation is gone.
const GONE_MS: Millis = 900_000;
/// Longest wait, unless the hint itself is longer.
const CAP_MS: Millis = 900_000;

/// Longest silence while kernels run here and the cloud has not asked for one.
const WITH_JOBS_MS: Millis = 60_000;

/// The calls that keep count of their failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Registering, which is also the heartbeat.
    Register,
    /// Polling attach jobs.
    Poll,
    /// Repeating the state of active jobs.
    Report,
    /// Opening the event socket.
    Events,
}

/// The hint of a failed call, or `None` when its status asks for no cooldown.
pub fn retry_hint(step: Step, failure: &CloudFailure) -> Option<Millis> {
    let default = match (failure.status?, step) {
        (429 | 503, _) => DEFAULT_MS,
        (404 | 410, Step::Poll | Step::Events) if failure.is_foreign => DEFAULT_MS,
        (404 | 410, Step::Poll | Step::Events) => GONE_MS,
        _ => return None,
    };
    Some(failure.retry_after_ms.unwrap_or(default).max(MIN_MS))
}

/// The cooldown after `failures` failures in a row with this hint; `unit` is the jitter in [0, 1].
pub fn cooldown_wait(hint_ms: Millis, failures: u32, unit: f64) -> Millis {
    let hint = hint_ms.max(MIN_MS);
    let max = hint.max(CAP_MS);
    let base = hint
        .saturating_mul(1 << failures.saturating_sub(1).min(6))
        .min(max);
    (base + (base as f64 * 0.2 * unit).ceil() as Millis).min(max)
}

/// Without a hint of the cloud's own the agent is not silent for so long that the cloud would give up its jobs (WS 5.3).
pub(crate) fn bounded(wait: Millis, has_jobs: bool, failure: &CloudFailure) -> Millis {
    if has_jobs && failure.retry_after_ms.is_none() {
        wait.min(WITH_JOBS_MS)
    } else {
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, retry_after_ms: Option<u64>) -> CloudFailure {
        CloudFailure {
            status: Some(status),
            retry_after_ms,
            ..CloudFailure::default()
        }
    }

    // WS-248
    #[test]
    fn ws_248_other_statuses_give_no_cooldown() {
        for status in [200, 401, 403, 500, 502] {
            assert_eq!(
                retry_hint(Step::Poll, &failure(status, Some(9))),
                None,
                "{status}"
            );
        }
        assert_eq!(retry_hint(Step::Register, &failure(404, None)), None);
        assert_eq!(retry_hint(Step::Poll, &CloudFailure::default()), None);
    }

    // WS-139 WS-249 WS-250 WS-251 WS-252
    #[test]
    fn ws_139_249_250_251_252_hints() {
        for (status, header, hint) in [
            (429, None, 60_000),
            (429, Some(2_000), 2_000),
            (429, Some(0), 1_000),
            (429, Some(1_235), 1_235),
            (503, Some(10_000), 10_000),
            (404, None, 900_000),
            (410, None, 900_000),
        ] {
            assert_eq!(
                retry_hint(Step::Poll, &failure(status, header)),
                Some(hint),
                "{status} {header:?}"
            );
        }
    }

    #[test]
    fn a_proxy_that_does_not_find_a_restarting_cloud_does_not_mean_that_the_workstation_is_gone() {
        for step in [Step::Poll, Step::Events] {
            let failure = CloudFailure {
                is_foreign: true,
                ..failure(404, None)
            };
            assert_eq!(retry_hint(step, &failure), Some(60_000));
        }
    }

    // WS-253 WS-254 WS-255
    #[test]
    fn ws_253_254_255_waits_grow_to_the_cap() {
        let waits: Vec<_> = (1..=6)
            .map(|n| cooldown_wait(60_000, n, 0.0) / 1000)
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
        assert_eq!(cooldown_wait(60_000, 1, 1.0), 72_000);
        assert_eq!(cooldown_wait(1_000, 50, 0.0), 64_000);
        assert_eq!(cooldown_wait(3_600_000, 9, 1.0), 3_600_000);
        assert_eq!(cooldown_wait(60_000, 6, 1.0), 900_000);
    }
}
