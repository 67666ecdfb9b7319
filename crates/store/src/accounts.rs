//! Accounts, browser sessions and one-time sign-in tokens.

use std::future::Future;

use crate::Result;

/// A person or machine authority that has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Principal, for example `user:local:owner`.
    pub principal: String,
    /// Provider that vouched for it.
    pub provider: String,
    /// Name shown to others.
    pub display_name: Option<String>,
    /// E-mail, normalised.
    pub email: Option<String>,
    /// First sign-in.
    pub first_seen_ms: i64,
    /// Latest sign-in.
    pub last_seen_ms: i64,
}

/// A browser session to store (decision D8: sessions are rows).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Public id, safe to list.
    pub id: String,
    /// Hex SHA-256 of the cookie's token.
    pub token_hash: String,
    /// Whose session it is.
    pub principal: String,
    /// Provider that vouched for the principal.
    pub provider: String,
    /// What the owner sees in the list (browser, device).
    pub label: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: i64,
}

/// A stored browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Public id.
    pub id: String,
    /// Whose session it is.
    pub principal: String,
    /// Provider that vouched for the principal.
    pub provider: String,
    /// What the owner sees in the list.
    pub label: Option<String>,
    /// What the account of the principal is called.
    pub display_name: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// Latest use recorded.
    pub last_used_ms: i64,
    /// When it ends by itself.
    pub expires_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// Storage of accounts, sessions and sign-in tokens.
pub trait Accounts {
    /// Records a sign-in, keeping the first one's time.
    fn upsert_account(&self, account: &Account) -> impl Future<Output = Result<()>> + Send;
    /// Returns an account.
    fn account(&self, principal: &str) -> impl Future<Output = Result<Option<Account>>> + Send;
    /// Stores a session.
    fn create_session(&self, session: &NewSession) -> impl Future<Output = Result<()>> + Send;
    /// Finds a session by the hash of its token, revoked and expired ones included.
    fn session_by_hash(
        &self,
        token_hash: &str,
    ) -> impl Future<Output = Result<Option<Session>>> + Send;
    /// Moves a live session's last use and end.
    fn touch_session(
        &self,
        id: &str,
        used_ms: i64,
        expires_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Lists a principal's sessions, newest first.
    fn sessions(&self, principal: &str) -> impl Future<Output = Result<Vec<Session>>> + Send;
    /// Revokes one session; says whether it exists. Revoking twice keeps the first time.
    fn revoke_session(
        &self,
        principal: &str,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Stores a one-time sign-in token by its hash and drops expired ones.
    fn create_sign_in_token(
        &self,
        token_hash: &str,
        principal: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Uses a sign-in token up; returns its principal if it was live and unused.
    fn consume_sign_in_token(
        &self,
        token_hash: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<String>>> + Send;
}
