//! Workstations, their leases, and each owner's default.

use std::future::Future;

use crate::Result;

/// Everything a heartbeat writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Owner's principal.
    pub owner_principal: String,
    /// Id chosen by the agent.
    pub workstation_id: String,
    /// Name shown.
    pub display_name: String,
    /// Provider word.
    pub provider: String,
    /// Provider name shown.
    pub provider_label: Option<String>,
    /// Agent's own words.
    pub status_message: Option<String>,
    /// Label of the default environment.
    pub default_environment_label: Option<String>,
    /// Policy of the default environment.
    pub environment_policy: Option<String>,
    /// Agent's version.
    pub installed_build: Option<String>,
    /// Agent's release channel.
    pub channel: Option<String>,
    /// Folder kernels start in.
    pub working_directory: Option<String>,
    /// Number of processors.
    pub cpu_count: Option<i64>,
    /// Memory.
    pub memory_bytes: Option<i64>,
    /// Normalised JSON array; `None` when unknown.
    pub accelerators_json: Option<String>,
    /// Normalised JSON array.
    pub environments_json: Option<String>,
    /// Normalised JSON array of the kernels offered; `None` when unknown.
    pub kernels_json: Option<String>,
    /// Whether no agent runs there: the row is offline, and its lease has ended without having begun.
    pub only_paired: bool,
    /// When.
    pub now_ms: i64,
    /// End of the renewed lease.
    pub lease_expires_ms: i64,
    /// Credential that registers, to be bound to this workstation if not yet bound.
    pub credential_id: Option<String>,
    /// Pairing to link to this workstation if not yet linked.
    pub pairing_code_id: Option<String>,
    /// When the registering credential was made; a removal after that holds. `None` for a person.
    pub paired_ms: Option<i64>,
    /// What tells machines with one name apart.
    pub machine_id: Option<String>,
    /// The machine's own name.
    pub hostname: Option<String>,
    /// Its operating system.
    pub os: Option<String>,
    /// The address it registers from.
    pub address: Option<String>,
    /// Normalised JSON object of what the machine does now.
    pub utilisation_json: Option<String>,
    /// How far its clock is ahead of the server's.
    pub clock_skew_ms: Option<i64>,
    /// Minutes after which unused compute stops there; 0 is never.
    pub idle_minutes: Option<i64>,
}

/// How long the cloud believes in a workstation (2.20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Heartbeat that made it.
    pub last_seen_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// Whether it is held.
    pub online: bool,
    /// Why it is not.
    pub offline_reason: Option<String>,
}

/// A stored workstation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workstation {
    /// Owner's principal.
    pub owner_principal: String,
    /// Id chosen by the agent.
    pub workstation_id: String,
    /// Name shown.
    pub display_name: String,
    /// Provider word.
    pub provider: String,
    /// Provider name shown.
    pub provider_label: Option<String>,
    /// Stored status; what is shown is projected from it and the lease.
    pub status: String,
    /// Agent's own words.
    pub status_message: Option<String>,
    /// Label of the default environment.
    pub default_environment_label: Option<String>,
    /// Policy of the default environment.
    pub environment_policy: Option<String>,
    /// Agent's version.
    pub installed_build: Option<String>,
    /// Agent's release channel.
    pub channel: Option<String>,
    /// Folder kernels start in.
    pub working_directory: Option<String>,
    /// Number of processors.
    pub cpu_count: Option<i64>,
    /// Memory.
    pub memory_bytes: Option<i64>,
    /// JSON array text; `None` when unknown.
    pub accelerators_json: Option<String>,
    /// JSON array text.
    pub environments_json: Option<String>,
    /// JSON array text; `None` when unknown.
    pub kernels_json: Option<String>,
    /// First registration.
    pub created_ms: i64,
    /// Latest registration.
    pub updated_ms: i64,
    /// Latest heartbeat.
    pub last_seen_ms: Option<i64>,
    /// The lease, if one is kept.
    pub lease: Option<Lease>,
    /// What tells machines with one name apart.
    pub machine_id: Option<String>,
    /// The machine's own name.
    pub hostname: Option<String>,
    /// Its operating system.
    pub os: Option<String>,
    /// The address it last registered from.
    pub address: Option<String>,
    /// When it last became online.
    pub online_since_ms: Option<i64>,
    /// JSON object text of what the machine did at its latest heartbeat.
    pub utilisation_json: Option<String>,
    /// How far its clock is ahead of the server's.
    pub clock_skew_ms: Option<i64>,
    /// Minutes after which unused compute stops there; 0 is never.
    pub idle_minutes: Option<i64>,
}

/// A lease that has just ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredLease {
    /// Owner's principal.
    pub owner_principal: String,
    /// Workstation.
    pub workstation_id: String,
}

/// Storage of workstations.
pub trait Workstations {
    /// Inserts or fully replaces a row, renews its lease, links pairing and credential, and
    /// becomes the default if the owner has none, all in one step. `None`, and nothing is written,
    /// when it was removed after the registering credential was made.
    fn register_workstation(
        &self,
        registration: &Registration,
    ) -> impl Future<Output = Result<Option<Workstation>>> + Send;
    /// Returns one workstation.
    fn workstation(
        &self,
        owner: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Workstation>>> + Send;
    /// Lists an owner's workstations by id.
    fn workstations(&self, owner: &str) -> impl Future<Output = Result<Vec<Workstation>>> + Send;
    /// Removes a workstation and its default, and notes the removal; `Some(was_online)` if it was
    /// there.
    fn remove_workstation(
        &self,
        owner: &str,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<bool>>> + Send;
    /// Ends the leases due at `now_ms` and returns those ended by this very call.
    fn expire_leases(
        &self,
        now_ms: i64,
        reason: &str,
    ) -> impl Future<Output = Result<Vec<ExpiredLease>>> + Send;
    /// Ends one workstation's lease now.
    fn end_lease(
        &self,
        owner: &str,
        id: &str,
        reason: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Forgets offline leases that ended at or before `before_ms`.
    fn clear_leases(&self, before_ms: i64) -> impl Future<Output = Result<u64>> + Send;
    /// The earliest time at which a lease ends or is to be forgotten.
    fn next_lease_deadline(
        &self,
        keep_offline_ms: i64,
    ) -> impl Future<Output = Result<Option<i64>>> + Send;
    /// Returns an owner's default workstation.
    fn default_workstation(
        &self,
        owner: &str,
    ) -> impl Future<Output = Result<Option<String>>> + Send;
    /// Sets an owner's default; `false` if the workstation is not theirs.
    fn set_default_workstation(
        &self,
        owner: &str,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
}
