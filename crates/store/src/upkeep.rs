//! Looking after the catalog: what is old, and how much there is.

use std::future::Future;

use crate::Result;

/// What a sweep removes: everything of its kind that ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outdated {
    /// Lines of the audit trail before this time.
    pub audit_ms: Option<i64>,
    /// Attach jobs that ended before this time.
    pub jobs_ms: Option<i64>,
    /// Browser sessions that ended before this time.
    pub sessions_ms: Option<i64>,
}

/// Dropping what is old, counting what one owner has.
pub trait Upkeep {
    /// Drops what is outdated; how many rows went.
    fn drop_outdated(&self, outdated: Outdated) -> impl Future<Output = Result<u64>> + Send;
    /// How many pairing codes of an owner can still be redeemed, and when the first of them ends.
    fn live_codes(
        &self,
        owner_principal: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<(i64, Option<i64>)>> + Send;
    /// How many notebooks a principal owns, those in the trash included.
    fn owned_notebooks(&self, owner_principal: &str) -> impl Future<Output = Result<i64>> + Send;
}
