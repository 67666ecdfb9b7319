//! The audit trail: lines are appended and read, never changed; a sweep ([`crate::Upkeep`]) drops old ones.

use std::future::Future;

use crate::Result;

/// A line to append to the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When it happened.
    pub at_ms: i64,
    /// Who did it, as `<principal>/<operator>`.
    pub actor_label: String,
    /// What was done, for example `credential.revoke`.
    pub action: &'static str,
    /// Notebook concerned.
    pub notebook_id: Option<String>,
    /// Thing or person concerned.
    pub subject: Option<String>,
    /// Further words; never a secret.
    pub detail: Option<String>,
}

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

/// Storage of the audit trail.
pub trait AuditTrail {
    /// Appends a line.
    fn audit(&self, event: &AuditEvent) -> impl Future<Output = Result<()>> + Send;
    /// Lines older than line `before`, newest first.
    fn audit_lines(
        &self,
        of: AuditOf<'_>,
        before: Option<i64>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<AuditLine>>> + Send;
}
