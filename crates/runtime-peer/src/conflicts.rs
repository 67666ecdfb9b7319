//! How often a peer takes up the room's documents anew because the room refused what it wrote: what is refused each time
//! must end at last.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// As often as this
const MOST: usize = 3;
/// within this time.
const WITHIN: Duration = Duration::from_mins(10);
/// What worked for so long is not refused each time.
const WORKED: Duration = Duration::from_secs(30);

/// When that happened.
#[derive(Debug, Default)]
pub(crate) struct Conflicts(VecDeque<Instant>);

impl Conflicts {
    /// Counts another one, of what began at `began`; whether it may be answered by beginning anew.
    pub(crate) fn is_bearable(&mut self, began: Instant, now: Instant) -> bool {
        if now - began >= WORKED {
            return true;
        }
        self.0.retain(|at| now - *at < WITHIN);
        self.0.push_back(now);
        self.0.len() <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_ten_minutes_are_borne_and_then_no_more() {
        let mut conflicts = Conflicts::default();
        let start = Instant::now();
        let bears = |minutes: u64| start + Duration::from_mins(minutes);
        let answers = [0, 1, 9, 9, 30].map(|minutes| {
            let now = bears(minutes);
            conflicts.is_bearable(now, now)
        });
        assert_eq!(answers, [true, true, true, false, true]);
    }

    #[test]
    fn what_works_for_a_while_each_time_is_borne_for_ever() {
        let mut conflicts = Conflicts::default();
        let mut began = Instant::now();
        for _ in 0..20 {
            let now = began + WORKED;
            assert!(conflicts.is_bearable(began, now));
            began = now;
        }
    }
}
