//! Growing waits with jitter from a seed.

use crate::Millis;

const FIRST_MS: Millis = 1_000;
const CAP_MS: Millis = 60_000;
const WIDE_MS: Millis = 4_000;

/// Deterministic jitter: the same seed gives the same waits.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state that the generator never leaves.
        Self(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    /// The next number, uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        // xorshift64: plenty for spreading retries.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The wait after `failures` failures in a row: 1, 2, 4 … 60 s and up to 20 % more.
    pub fn backoff(&mut self, failures: u32) -> Millis {
        let base = FIRST_MS << failures.saturating_sub(1).min(6);
        self.spread(base.min(CAP_MS))
    }

    /// A wait with up to 4 s more, or 20 % if that is longer: a server that comes back must not meet all its machines at
    /// one moment.
    pub fn wide(&mut self, base: Millis) -> Millis {
        let most = WIDE_MS.max(base / 5);
        base + (most as f64 * self.unit()).ceil() as Millis
    }

    /// A wait with up to 20 % more.
    pub fn spread(&mut self, base: Millis) -> Millis {
        base + (base as f64 * 0.2 * self.unit()).ceil() as Millis
    }
}
