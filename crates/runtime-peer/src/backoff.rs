//! When to dial again: at once, then with full jitter at a bounded rate, for ever (D1).

use std::time::Duration;

/// Two dials are never closer than this (WS-355, WS-383).
pub(crate) const FLOOR: Duration = Duration::from_secs(1);
/// The longest wait.
pub(crate) const CEILING: Duration = Duration::from_secs(30);

/// Counts failures and draws waits.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next dial, from a random number in `0.0..1.0`. The very first one is
    /// immediate; the floor between two dials is the caller's.
    pub(crate) fn next_wait(&mut self, random: f64) -> Duration {
        let failures = self.failures;
        self.failures = self.failures.saturating_add(1);
        if failures == 0 {
            return Duration::ZERO;
        }
        let most = FLOOR.saturating_mul(1 << failures.min(6)).min(CEILING);
        FLOOR + most.saturating_sub(FLOOR).mul_f64(random.clamp(0.0, 1.0))
    }

    /// A dial worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, CEILING, FLOOR};

    // WS-383 (D1 in place of WS-353 and WS-354)
    #[test]
    fn waits_start_at_once_grow_to_a_ceiling_and_never_end() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next_wait(0.9), Duration::ZERO);
        let mut last = Duration::ZERO;
        for _ in 0..1000 {
            let wait = backoff.next_wait(1.0);
            assert!(
                wait >= last.min(CEILING) && wait <= CEILING,
                "{wait:?} after {last:?}"
            );
            last = wait;
        }
        assert_eq!(last, CEILING);
        assert_eq!(backoff.next_wait(0.0), FLOOR);
        backoff.reset();
        assert_eq!(backoff.next_wait(0.9), Duration::ZERO);
    }
}
