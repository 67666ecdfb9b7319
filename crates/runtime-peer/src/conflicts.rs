//! How often a peer takes up the room's documents anew because the room refused what it wrote: what is refused each time
//! must end at last.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Seconds before a session begins anew, for the first refusal that is counted, the second and so on; after the last of
/// them it does not.
const WAITS: [u64; 8] = [0, 1, 2, 4, 8, 15, 30, 30];
/// How long a refusal is counted.
const WITHIN: Duration = Duration::from_mins(10);
/// What worked for so long is not refused each time.
const WORKED: Duration = Duration::from_secs(30);

/// When that happened.
#[derive(Debug, Default)]
pub(crate) struct Conflicts(VecDeque<Instant>);

impl Conflicts {
    /// Counts another one, of what began at `began`; after what time it is answered by beginning anew, if it is.
    pub(crate) fn wait(&mut self, began: Instant, now: Instant) -> Option<Duration> {
        if now - began >= WORKED {
            return Some(Duration::ZERO);
        }
        self.0.retain(|at| now - *at < WITHIN);
        self.0.push_back(now);
        let wait = WAITS.get(self.0.len() - 1);
        wait.map(|seconds| Duration::from_secs(*seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_in_a_row_are_borne_a_while_with_longer_waits() {
        let mut conflicts = Conflicts::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        while let Some(wait) = conflicts.wait(now, now) {
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, WAITS);
        now += WITHIN;
        assert_eq!(conflicts.wait(now, now), Some(Duration::ZERO));
    }

    #[test]
    fn what_works_for_a_while_each_time_is_borne_for_ever() {
        let mut conflicts = Conflicts::default();
        let mut began = Instant::now();
        for _ in 0..20 {
            let now = began + WORKED;
            assert_eq!(conflicts.wait(began, now), Some(Duration::ZERO));
            began = now;
        }
    }
}
