//! How often outputs are sent: soon while there are few, rarely while there are many, since each frame costs the room and
//! every page beside what it carries.

use wire::UnixMs;

/// So much longer the next frame waits for each output beyond the first of the one before.
const OUTPUT_MS: i64 = 2;
/// The longest wait that this makes.
const LONGEST_MS: i64 = 60;

/// The last two ordinary sends, and what went with the newest.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<UnixMs>,
    newest: Option<UnixMs>,
    /// The wait after the newest, for the outputs that it carried.
    rest_ms: i64,
    /// Outputs written since any send.
    unsent: i64,
}

impl Pace {
    pub fn wrote_output(&mut self) {
        self.unsent += 1;
    }

    /// All that was written is on its way. An urgent message does not hold back the output that follows it.
    pub fn sent(&mut self, now: UnixMs, urgent: bool) {
        let outputs = std::mem::take(&mut self.unsent);
        if !urgent {
            self.last = self.newest.replace(now);
            self.rest_ms = (OUTPUT_MS * (outputs - 1)).clamp(0, LONGEST_MS);
        }
    }

    /// When the next ordinary message may go; none: at once. A single other one does not hold it back: an execution's
    /// count must not delay its first output.
    pub fn next(&self, every_ms: i64) -> Option<UnixMs> {
        let rate = self.last.map(|at| at.plus(every_ms));
        rate.max(self.newest.map(|at| at.plus(self.rest_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits between the frames of a cell that shows so many outputs in each of its milliseconds.
    fn waits(per_ms: f64) -> Vec<i64> {
        let mut pace = Pace::default();
        let (mut written, mut waits, mut before) = (0, Vec::new(), 0);
        for at in 1..=600 {
            let now = UnixMs(at);
            while f64::from(written) < per_ms * at as f64 {
                pace.wrote_output();
                written += 1;
            }
            if pace.unsent > 0 && pace.next(15).is_none_or(|next| now >= next) {
                pace.sent(now, false);
                waits.push(at - before);
                before = at;
            }
        }
        waits
    }

    #[test]
    fn a_few_outputs_go_at_once_and_a_flood_in_few_frames() {
        let animation = waits(1.0 / 16.0);
        assert!(
            animation[2..].iter().all(|wait| *wait <= 17),
            "{animation:?}"
        );
        let flood = waits(1.0);
        assert!(flood.len() < 14, "{flood:?}");
        assert!(flood.iter().all(|wait| *wait <= LONGEST_MS), "{flood:?}");
    }

    #[test]
    fn what_is_urgent_leaves_the_pace_as_it_is() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.wrote_output();
        }
        pace.sent(UnixMs(0), true);
        assert_eq!(pace.next(15), None);
        pace.wrote_output();
        pace.sent(UnixMs(1), false);
        assert_eq!(pace.next(15), Some(UnixMs(1)));
    }
}
