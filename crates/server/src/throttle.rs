//! How often the doors that need no credential, or make one, may be tried (HAZ-8, decision D7).

pub mod requests;

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::StatusCode;

use crate::error::ApiError;

/// Keys kept before idle ones are dropped.
const KEYS: usize = 10_000;
/// Redeems from one address: a burst, then one a second.
const REDEEM_BURST: u32 = 60;
/// Codes minted by one owner: a burst, then one a second.
const MINT_BURST: u32 = 60;
/// A refused token is told 401 once in this time, otherwise to wait.
const REFUSAL_PERIOD: Duration = Duration::from_secs(900);

/// The limiters of pairing and registration.
#[derive(Debug)]
pub struct Throttle {
    redeem: DefaultKeyedRateLimiter<IpAddr>,
    mint: DefaultKeyedRateLimiter<String>,
    refused: DefaultKeyedRateLimiter<String>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            redeem: RateLimiter::keyed(per_second(REDEEM_BURST)),
            mint: RateLimiter::keyed(per_second(MINT_BURST)),
            refused: RateLimiter::keyed(
                Quota::with_period(REFUSAL_PERIOD)
                    .unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN)),
            ),
        }
    }
}

impl Throttle {
    /// Counts a redeem from an address.
    pub fn redeem(&self, address: IpAddr) -> Result<(), ApiError> {
        check(&self.redeem, &address)
    }

    /// Counts a minted code.
    pub fn mint(&self, owner: &str) -> Result<(), ApiError> {
        check(&self.mint, &owner.to_owned())
    }

    /// Counts a registration with a token that is not recognised: passes the first time, then
    /// tells the agent to wait, so that one without backoff does not spin.
    pub fn refused_registration(&self, token_hash: &str) -> Result<(), ApiError> {
        check(&self.refused, &token_hash.to_owned())
    }
}

fn per_second(burst: u32) -> Quota {
    Quota::per_second(NonZeroU32::MIN)
        .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
}

fn check<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), ApiError> {
    if limiter.len() > KEYS {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|wait| {
        let seconds = wait.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("too many attempts\nHint: wait {seconds} s and try again"),
        )
        .retry_after(seconds)
    })
}
