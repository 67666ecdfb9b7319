//! When to dial again: at once, then with full jitter at a bounded rate, for ever (D1). A cloud of the reference ends what
//! runs when its peer is away for 30 s, so that waits grow only after that.

use std::time::Duration;

/// Two dials are never closer than this (WS-355, WS-383).
pub(crate) const FLOOR: Duration = Duration::from_secs(1);
/// The longest wait.
pub(crate) const CEILING: Duration = Duration::from_secs(30);

/// The longest wait in the beginning of an outage, and how long that lasts.
const FIRST_CEILING: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_secs(40);

/// Counts failures and draws waits.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next dial of one who is `away` for so long, from a random number in `0.0..1.0`. The very first
    /// one is immediate; the floor between two dials is the caller's.
    pub(crate) fn next_wait(&mut self, away: Duration, random: f64) -> Duration {
        let failures = self.failures;
        let is_beginning = away < GRACE;
        let most_counted = if is_beginning { 2 } else { u32::MAX };
        self.failures = self.failures.saturating_add(1).min(most_counted);
        if failures == 0 {
            return Duration::ZERO;
        }
        let ceiling = if is_beginning { FIRST_CEILING } else { CEILING };
        let most = FLOOR.saturating_mul(1 << failures.min(6)).min(ceiling);
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

    use super::{Backoff, CEILING, FIRST_CEILING, FLOOR, GRACE};

    // WS-383 (D1 in place of WS-353 and WS-354)
    #[test]
    fn waits_start_at_once_grow_to_a_ceiling_and_never_end() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next_wait(GRACE, 0.9), Duration::ZERO);
        let mut last = Duration::ZERO;
        for _ in 0..1000 {
            let wait = backoff.next_wait(GRACE, 1.0);
            assert!(
                wait >= last.min(CEILING) && wait <= CEILING,
                "{wait:?} after {last:?}"
            );
            last = wait;
        }
        assert_eq!(last, CEILING);
        assert_eq!(backoff.next_wait(GRACE, 0.0), FLOOR);
        backoff.reset();
        assert_eq!(backoff.next_wait(GRACE, 0.9), Duration::ZERO);
    }

    // A cloud of the reference ends what runs after 30 s: the peer is back within a few seconds of the network.
    #[test]
    fn waits_stay_short_while_the_room_holds_on_and_grow_after_that() {
        let mut backoff = Backoff::default();
        let mut away = Duration::ZERO;
        let mut dials = 0;
        while away < GRACE {
            let wait = backoff.next_wait(away, 1.0);
            assert!(wait <= FIRST_CEILING, "{wait:?} after {away:?}");
            away += wait.max(FLOOR);
            dials += 1;
        }
        assert!(dials <= 14, "{dials} dials");
        let after: Vec<_> = (0..4).map(|_| backoff.next_wait(away, 1.0)).collect();
        assert_eq!(after, [4, 8, 16, 30].map(Duration::from_secs));
    }
}
