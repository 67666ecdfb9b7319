//! Tokens that a person makes for programs and takes back.

use std::future::Future;

use crate::Result;

/// A token to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiToken {
    /// Public id, safe to list.
    pub id: String,
    /// Hex SHA-256 of the whole token.
    pub token_hash: String,
    /// Whose it is.
    pub principal: String,
    /// What its owner calls it.
    pub name: String,
    /// The most it allows: `viewer`, `editor` or `owner`.
    pub scope: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends by itself, if ever.
    pub expires_ms: Option<i64>,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Public id.
    pub id: String,
    /// Hex SHA-256 of the whole token; never shown.
    pub token_hash: String,
    /// Whose it is.
    pub principal: String,
    /// What its owner calls it.
    pub name: String,
    /// The most it allows.
    pub scope: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends by itself, if ever.
    pub expires_ms: Option<i64>,
    /// Latest use recorded.
    pub last_used_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// Storage of API tokens.
pub trait ApiTokens {
    /// Stores a token.
    fn create_api_token(&self, token: &NewApiToken) -> impl Future<Output = Result<()>> + Send;
    /// Finds a token by its hash, revoked and expired ones included.
    fn api_token_by_hash(
        &self,
        token_hash: &str,
    ) -> impl Future<Output = Result<Option<ApiToken>>> + Send;
    /// Lists a principal's tokens, newest first, revoked and expired ones included.
    fn api_tokens(&self, principal: &str) -> impl Future<Output = Result<Vec<ApiToken>>> + Send;
    /// Counts a principal's tokens that still work.
    fn live_api_tokens(
        &self,
        principal: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<i64>> + Send;
    /// Revokes one token; says whether it exists. Revoking twice keeps the first time.
    fn revoke_api_token(
        &self,
        principal: &str,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Records a use unless one after `unless_since_ms` is recorded.
    fn touch_api_token(
        &self,
        id: &str,
        now_ms: i64,
        unless_since_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
}
