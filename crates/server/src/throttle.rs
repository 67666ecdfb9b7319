//! How often the doors that need no credential, or make one, may be tried (HAZ-8, decision D7).

pub mod requests;

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::StatusCode;

use crate::error::ApiError;

/// Keys kept before idle ones are dropped.
const KEYS: usize = 10_000;
/// Redeems from one address (of IPv6, one network of 64 bits): a burst, then one a second.
const REDEEM_BURST: u32 = 60;
/// Redeems from everywhere: a burst, then as many a second. Codes live for ten minutes, so this
/// bounds what a distributed search can try.
const ALL_REDEEMS_BURST: u32 = 600;
const ALL_REDEEMS_RATE: u32 = 20;
/// That redeems are slowed down is recorded once in this time.
const NOTE_PERIOD: Duration = Duration::from_secs(60);
/// Codes minted by one owner: a burst, then one a second.
const MINT_BURST: u32 = 60;
/// A refused token is told 401 once in this time, otherwise to wait.
const REFUSAL_PERIOD: Duration = Duration::from_secs(900);

/// The limiters of pairing and registration.
#[derive(Debug)]
pub struct Throttle {
    redeem: DefaultKeyedRateLimiter<IpAddr>,
    all_redeems: DefaultDirectRateLimiter,
    notes: DefaultDirectRateLimiter,
    mint: DefaultKeyedRateLimiter<String>,
    refused: DefaultKeyedRateLimiter<String>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            redeem: RateLimiter::keyed(per_second(REDEEM_BURST)),
            all_redeems: RateLimiter::direct(
                Quota::per_second(NonZeroU32::new(ALL_REDEEMS_RATE).unwrap_or(NonZeroU32::MIN))
                    .allow_burst(NonZeroU32::new(ALL_REDEEMS_BURST).unwrap_or(NonZeroU32::MIN)),
            ),
            notes: RateLimiter::direct(once_in(NOTE_PERIOD)),
            mint: RateLimiter::keyed(per_second(MINT_BURST)),
            refused: RateLimiter::keyed(once_in(REFUSAL_PERIOD)),
        }
    }
}

impl Throttle {
    /// Counts a redeem from an address, and among all.
    pub fn redeem(&self, address: IpAddr) -> Result<(), Limited> {
        let everywhere = |()| {
            let clock = DefaultClock::default();
            let checked = self.all_redeems.check();
            checked.map_err(|wait| too_many(wait.wait_time_from(clock.now())))
        };
        check(&self.redeem, &network(address))
            .and_then(everywhere)
            .map_err(|answer| Limited {
                answer,
                worth_noting: self.notes.check().is_ok(),
            })
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

/// A redeem that has to wait.
#[derive(Debug)]
pub struct Limited {
    /// What the client is told.
    pub answer: ApiError,
    /// Whether this belongs into the audit trail: the first in a while.
    pub worth_noting: bool,
}

/// An address as it is counted: an IPv6 host owns a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => IpAddr::V6((u128::from(six) >> 64 << 64).into()),
        },
        IpAddr::V4(_) => address,
    }
}

fn once_in(period: Duration) -> Quota {
    Quota::with_period(period).unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN))
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
    limiter
        .check_key(key)
        .map_err(|wait| too_many(wait.wait_time_from(DefaultClock::default().now())))
}

fn too_many(wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + 1;
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        format!("too many attempts\nHint: wait {seconds} s and try again"),
    )
    .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_host_does_not_escape_by_changing_its_address() {
        let throttle = Throttle::default();
        let from = |last: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | last).into());
        let tried = (0..1_000).take_while(|n| throttle.redeem(from(*n)).is_ok());
        assert!(tried.count() <= REDEEM_BURST as usize + 1);
        assert!(throttle.redeem(IpAddr::V4([192, 0, 2, 1].into())).is_ok());
    }

    #[test]
    fn many_addresses_together_are_limited_and_that_is_noted_once() {
        let throttle = Throttle::default();
        let from = |n: u32| IpAddr::V4(n.into());
        let limited: Vec<Limited> = (0..2_000)
            .filter_map(|n| throttle.redeem(from(n)).err())
            .collect();
        assert!(limited.len() > 1_000, "{}", limited.len());
        assert_eq!(limited[0].answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(limited.iter().filter(|one| one.worth_noting).count(), 1);
    }
}
