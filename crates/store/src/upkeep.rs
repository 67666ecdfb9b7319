//! Looking after the catalog: the audit trail as it is read, what is old, and how much there is.

use std::future::Future;

use crate::Result;

/// A stored line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number; later lines have higher ones.
    pub id: i64,
    /// When it happened.
    pub at_ms: i64,
    /// Who did it, as `<principal>/<operator>`.
    pub actor_label: String,
    /// What was done, for example `credential.revoke`.
    pub action: String,
    /// Notebook concerned.
    pub notebook_id: Option<String>,
    /// Thing or person concerned.
    pub subject: Option<String>,
    /// Further words.
    pub detail: Option<String>,
}

/// Whose lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOf<'a> {
    /// Everybody's; for the server's console.
    All,
    /// Those that concern a notebook.
    Notebook(&'a str),
    /// What a principal did, and what was done to it.
    Person(&'a str),
}

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

/// Reading the audit trail, dropping what is old, counting what one owner has.
pub trait Upkeep {
    /// Lines older than line `before`, newest first.
    fn audit_lines(
        &self,
        of: AuditOf<'_>,
        before: Option<i64>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<AuditLine>>> + Send;
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
