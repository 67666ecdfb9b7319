//! Pairing codes and the workstation credentials they are redeemed for.

use std::future::Future;

use crate::Result;

/// A pairing code to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPairing {
    /// Handle for polling; not secret.
    pub id: String,
    /// Hex SHA-256 of the normalised code.
    pub code_hash: String,
    /// Who minted it.
    pub owner_principal: String,
    /// Namespace of that principal.
    pub principal_namespace: String,
    /// Who minted it, as an actor label.
    pub actor_label: String,
    /// When.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// The only machine name it may be redeemed for, if one was named.
    pub expected_name: Option<String>,
}

/// A stored pairing code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Handle for polling.
    pub id: String,
    /// Who minted it.
    pub owner_principal: String,
    /// Namespace of that principal.
    pub principal_namespace: String,
    /// Who minted it, as an actor label.
    pub created_by_actor_label: String,
    /// When.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was redeemed.
    pub redeemed_ms: Option<i64>,
    /// The credential it was redeemed for.
    pub redeemed_by_credential_id: Option<String>,
    /// First workstation registered through it.
    pub workstation_id: Option<String>,
}

/// A credential to mint from a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Public id.
    pub id: String,
    /// Hex SHA-256 of the whole token.
    pub token_hash: String,
    /// When.
    pub created_ms: i64,
}

/// What a redeemed code says about its minting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemedPairing {
    /// The pairing.
    pub pairing_id: String,
    /// Its owner.
    pub owner_principal: String,
}

/// A stored workstation credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Public id.
    pub id: String,
    /// Hex SHA-256 of the whole token; never shown.
    pub token_hash: String,
    /// For whom it acts.
    pub owner_principal: String,
    /// Namespace of that principal.
    pub principal_namespace: String,
    /// The code it came from.
    pub pairing_code_id: Option<String>,
    /// First workstation registered with it.
    pub workstation_id: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// Latest use recorded.
    pub last_used_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// Hash of the token before the latest rotation.
    pub prior_token_hash: Option<String>,
    /// Until when that token is still taken.
    pub prior_until_ms: Option<i64>,
    /// Latest rotation.
    pub rotated_ms: Option<i64>,
    /// When it ends unless it is rotated, if it ends at all.
    pub expires_ms: Option<i64>,
    /// Whether it may register more than the first workstation.
    pub may_serve_several: bool,
    /// When the current token was first presented after the latest rotation.
    pub token_seen_ms: Option<i64>,
}

/// A change of a credential's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The credential.
    pub credential_id: String,
    /// Hash of the presented token: the current one, or the one before while that is taken and the current one was
    /// never presented.
    pub old_hash: String,
    /// Hash of the new token.
    pub new_hash: String,
    /// When.
    pub now_ms: i64,
    /// Until when the current token stays valid.
    pub prior_until_ms: i64,
}

/// Storage of pairing codes and credentials.
pub trait PairingStore {
    /// Stores a code.
    fn create_pairing(&self, pairing: &NewPairing) -> impl Future<Output = Result<()>> + Send;
    /// Returns one owner's pairing.
    fn pairing(
        &self,
        owner: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Pairing>>> + Send;
    /// Consumes a live code and creates its credential in one step; `None` if the code is
    /// unknown, used or expired.
    fn redeem_pairing(
        &self,
        code_hash: &str,
        credential: &NewCredential,
    ) -> impl Future<Output = Result<Option<RedeemedPairing>>> + Send;
    /// Drops codes that expired unused before `before_ms`.
    fn purge_pairings(&self, before_ms: i64) -> impl Future<Output = Result<u64>> + Send;
    /// Finds a credential by the hash of its token or of the one before, whatever its state.
    fn credential_by_hash(
        &self,
        token_hash: &str,
    ) -> impl Future<Output = Result<Option<Credential>>> + Send;
    /// Returns one owner's credential.
    fn credential(
        &self,
        owner: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Credential>>> + Send;
    /// Lists one owner's credentials, newest first.
    fn credentials(&self, owner: &str) -> impl Future<Output = Result<Vec<Credential>>> + Send;
    /// Records a use unless one was recorded since `unless_since_ms`; says whether it wrote.
    fn touch_credential(
        &self,
        id: &str,
        now_ms: i64,
        unless_since_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Notes that a rotated credential's current token was presented, and takes the one before no longer than until
    /// `prior_until_ms`.
    fn see_token(
        &self,
        id: &str,
        token_hash: &str,
        now_ms: i64,
        prior_until_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Revokes; says whether the owner has such a credential. Revoking twice keeps the first time.
    fn revoke_credential(
        &self,
        owner: &str,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Replaces a live credential's token; `false` if it is revoked or the old token is not taken
    /// any more.
    fn rotate_credential(&self, rotation: &Rotation) -> impl Future<Output = Result<bool>> + Send;
    /// The machine name that a live code expects, if it expects one.
    fn pairing_expectation(
        &self,
        code_hash: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<String>>> + Send;
    /// Lets a credential register several workstations, or only its first; says whether the owner
    /// has such a credential.
    fn set_credential_reach(
        &self,
        owner: &str,
        id: &str,
        several: bool,
    ) -> impl Future<Output = Result<bool>> + Send;
}
