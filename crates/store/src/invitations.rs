//! Invites by e-mail address, and requests of readers for edit access (3.6, 3.7).

use std::future::Future;

use crate::Result;

/// An invite to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// Id.
    pub id: String,
    /// Notebook.
    pub notebook_id: String,
    /// Invited address, normalised.
    pub email: String,
    /// The one provider that may vouch for the address, if only one may.
    pub provider_hint: Option<String>,
    /// `viewer` or `editor`.
    pub scope: String,
    /// Who invites.
    pub actor_label: String,
    /// When.
    pub now_ms: i64,
    /// When it ends, as given.
    pub expires_text: Option<String>,
    /// When it ends.
    pub expires_ms: Option<i64>,
}

/// A stored invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Id.
    pub id: String,
    /// Notebook.
    pub notebook_id: String,
    /// Invited address.
    pub email: String,
    /// The one provider that may vouch for the address.
    pub provider_hint: Option<String>,
    /// `viewer` or `editor`.
    pub scope: String,
    /// `pending`, `accepted` or `revoked`.
    pub status: String,
    /// Who invited.
    pub invited_by_actor_label: String,
    /// Whom it made a member.
    pub accepted_by_principal: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends, as given.
    pub expires_text: Option<String>,
    /// When it was accepted.
    pub accepted_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// Who revoked it.
    pub revoked_by_actor_label: Option<String>,
}

/// A stored request for access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequest {
    /// Id.
    pub id: String,
    /// Notebook.
    pub notebook_id: String,
    /// Who asks.
    pub requester_principal: String,
    /// `editor`.
    pub scope: String,
    /// `pending`, `approved`, `denied` or `dismissed`.
    pub status: String,
    /// Who asked, as an actor label.
    pub requested_by_actor_label: String,
    /// Who answered.
    pub resolved_by_actor_label: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// When it was answered.
    pub resolved_ms: Option<i64>,
}

/// Storage of invites and access requests.
pub trait Invitations {
    /// Stores an invite, or returns the pending one that says the same.
    fn create_invite(&self, invite: &NewInvite) -> impl Future<Output = Result<Invite>> + Send;
    /// Newest invites of a notebook, whatever became of them.
    fn invites(
        &self,
        notebook_id: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Invite>>> + Send;
    /// Revokes a pending invite of this notebook; `false` if there is no such one.
    fn revoke_invite(
        &self,
        notebook_id: &str,
        id: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Turns the pending invites of an address into access rows of `principal`, in one step;
    /// returns the notebooks.
    fn accept_invites(
        &self,
        email: &str,
        provider: &str,
        principal: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Stores a request unless the same one is pending; returns it and whether it is new.
    fn create_access_request(
        &self,
        id: &str,
        notebook_id: &str,
        requester: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<(AccessRequest, bool)>> + Send;
    /// Newest requests of a notebook.
    fn access_requests(
        &self,
        notebook_id: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<AccessRequest>>> + Send;
    /// The latest request of one requester.
    fn latest_access_request(
        &self,
        notebook_id: &str,
        requester: &str,
    ) -> impl Future<Output = Result<Option<AccessRequest>>> + Send;
    /// Answers a pending request of this notebook with `approved`, `denied` or `dismissed`; an
    /// approval grants the `editor` row in the same step.
    fn resolve_access_request(
        &self,
        notebook_id: &str,
        id: &str,
        status: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<AccessRequest>>> + Send;
}
