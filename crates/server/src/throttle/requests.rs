//! How many requests an address, and a person with their machines, may make.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::client::ClientAddress;
use crate::error::ApiError;
use crate::settings::LimitSettings;

/// Keys that have been idle are dropped each time this many requests were counted.
const CLEAN_EACH: u32 = 4096;

/// The limiters of requests.
#[derive(Debug)]
pub struct RequestThrottle {
    address: DefaultKeyedRateLimiter<IpAddr>,
    principal: DefaultKeyedRateLimiter<String>,
    runs: DefaultKeyedRateLimiter<(String, String)>,
    counted: AtomicU32,
}

impl RequestThrottle {
    /// With the configured limits.
    pub fn new(limits: &LimitSettings) -> Self {
        Self {
            address: RateLimiter::keyed(quota(
                limits.address_requests_per_second,
                limits.address_request_burst,
            )),
            principal: RateLimiter::keyed(quota(
                limits.principal_requests_per_second,
                limits.principal_request_burst,
            )),
            runs: RateLimiter::keyed(Quota::per_minute(NonZeroU32::MIN)),
            counted: AtomicU32::new(0),
        }
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn address(&self, address: ClientAddress) -> Result<(), ApiError> {
        if self
            .counted
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(CLEAN_EACH)
        {
            self.address.retain_recent();
            self.principal.retain_recent();
            self.runs.retain_recent();
        }
        super::check(&self.address, &address.counted())
    }

    /// Whether a run of cells is the first of its actor in this notebook for a minute.
    pub fn first_run(&self, notebook_id: &str, actor_label: &str) -> bool {
        let key = (notebook_id.to_owned(), actor_label.to_owned());
        self.runs.check_key(&key).is_ok()
    }

    /// Counts a request of a person or of their machines.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn principal(&self, principal: &str) -> Result<(), ApiError> {
        super::check(&self.principal, &principal.to_owned())
    }
}

fn quota(per_second: u32, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}
