//! Workstations as their owner sees them: projection, list, default, removal (2.11 to 2.14).

use store::{AuditEvent, Catalog, Workstation, Workstations};
use wire::{UnixMs, WorkstationId, http};

use crate::{Caller, Effect, Refusal, Result, credentials, jobs, limits};

/// What is known of a workstation's event sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not asked, or the question failed.
    Unknown,
    /// At least one is open.
    Connected,
    /// None is open.
    Disconnected,
}

/// A workstation with what clients are shown of its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkstationView {
    /// The stored row.
    pub row: Workstation,
    /// Projected status.
    pub status: String,
    /// Projected message.
    pub status_message: Option<String>,
    /// Why it has that status, in one word.
    pub reason: Option<&'static str>,
    /// Since when.
    pub since_ms: Option<i64>,
    /// Whether it is its owner's default.
    pub is_default: bool,
}

impl WorkstationView {
    /// Whether it reads online.
    pub fn is_online(&self) -> bool {
        self.status == "online"
    }

    /// The workstation object with what only its owner's list tells: the kernels offered and what the machine does now.
    pub fn to_wire_in_full(&self) -> http::Workstation {
        fn read<T: serde::de::DeserializeOwned>(text: Option<&String>) -> Option<T> {
            serde_json::from_str(text?).ok()
        }
        // What a machine did before it went away says nothing of now.
        let live = self
            .row
            .utilisation_json
            .as_ref()
            .filter(|_| self.is_online());
        http::Workstation {
            kernels: read(self.row.kernels_json.as_ref()),
            utilisation: read(live),
            ..self.to_wire()
        }
    }

    /// The workstation object of the wire, the same everywhere.
    pub fn to_wire(&self) -> http::Workstation {
        let row = &self.row;
        let list = |text: &Option<String>| text.as_deref().map(str::to_owned);
        http::Workstation {
            workstation_id: WorkstationId::from(row.workstation_id.as_str()),
            display_name: row.display_name.clone(),
            provider: row.provider.clone(),
            provider_label: row.provider_label.clone(),
            status: self.status.clone(),
            status_message: self.status_message.clone(),
            default_environment_label: row.default_environment_label.clone(),
            environment_policy: row.environment_policy.clone(),
            installed_build: row.installed_build.clone(),
            channel: row.channel.clone(),
            latest_build: None,
            is_outdated: false,
            working_directory: row.working_directory.clone(),
            cpu_count: row.cpu_count.and_then(|count| u64::try_from(count).ok()),
            memory_bytes: row.memory_bytes.and_then(|bytes| u64::try_from(bytes).ok()),
            accelerators: accelerators(row),
            environments: list(&row.environments_json)
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            created_at: UnixMs(row.created_ms),
            updated_at: UnixMs(row.updated_ms),
            last_seen_at: row.last_seen_ms.map(UnixMs),
            is_default: self.is_default,
            status_reason: self.reason.map(str::to_owned),
            status_since: self.since_ms.map(UnixMs),
            hostname: row.hostname.clone(),
            os: row.os.clone(),
            address: row.address.clone(),
            kernels: None,
            utilisation: None,
            clock_skew_ms: row.clock_skew_ms,
            idle_minutes: row
                .idle_minutes
                .and_then(|minutes| u64::try_from(minutes).ok()),
        }
    }
}

/// The stored accelerators; unknown when absent or malformed.
pub(crate) fn accelerators(row: &Workstation) -> Option<Vec<http::Accelerator>> {
    row.accelerators_json
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
}

/// Projects a row, its lease and its presence to what clients are shown (2.12).
pub fn view(
    row: Workstation,
    default: Option<&str>,
    presence: Presence,
    now_ms: i64,
) -> WorkstationView {
    let Projected {
        status,
        reason,
        since_ms,
    } = project(&row, presence, now_ms);
    let status_message = match (status, presence) {
        _ if reason == Some(NOT_STARTED) => {
            Some("Paired; its agent was not started yet: runt workstation run".to_owned())
        }
        ("offline", Presence::Disconnected) => {
            Some("Workstation event socket is not connected.".to_owned())
        }
        ("offline", _) if row.status == "online" => {
            Some("No heartbeat from this workstation recently.".to_owned())
        }
        _ => row.status_message.clone(),
    };
    let status = status.to_owned();
    let is_default = default == Some(row.workstation_id.as_str());
    WorkstationView {
        row,
        status,
        status_message,
        reason,
        since_ms,
        is_default,
    }
}

/// Whether the row's lease is at least as new as the row; an older one is ignored.
fn has_fresh_lease(row: &Workstation) -> bool {
    row.lease.as_ref().is_some_and(|lease| {
        row.last_seen_ms
            .is_none_or(|seen| lease.last_seen_ms >= seen)
    })
}

fn is_old(row: &Workstation, now_ms: i64) -> bool {
    row.last_seen_ms
        .is_some_and(|seen| now_ms - seen > limits::LEASE_MS)
}

/// The reason why a machine is offline whose operator has paired it and not started the agent.
const NOT_STARTED: &str = "not_started";

/// What a row, its lease and its presence come to: the one place that says who is online.
struct Projected<'a> {
    status: &'a str,
    reason: Option<&'static str>,
    since_ms: Option<i64>,
}

fn project(row: &Workstation, presence: Presence, now_ms: i64) -> Projected<'_> {
    let projected = |status, reason, since_ms| Projected {
        status,
        reason: Some(reason),
        since_ms,
    };
    let liveness_matters = matches!(row.status.as_str(), "online" | "offline");
    if liveness_matters
        && has_fresh_lease(row)
        && let Some(lease) = &row.lease
    {
        return if lease.online && lease.expires_ms > now_ms {
            projected("online", "heartbeat", row.online_since_ms)
        } else {
            projected("offline", "lease_expired", Some(lease.expires_ms))
        };
    }
    if liveness_matters && presence == Presence::Connected {
        return projected("online", "event_socket", None);
    }
    if row.status == "online" && is_old(row, now_ms) {
        let since = row.last_seen_ms.map(|seen| seen + limits::LEASE_MS);
        return projected("offline", "no_heartbeat", since);
    }
    if is_only_paired(row) {
        return projected("offline", NOT_STARTED, row.last_seen_ms);
    }
    Projected {
        status: &row.status,
        reason: None,
        since_ms: None,
    }
}

/// Whether the row's machine said at its last registration that no agent runs there.
fn is_only_paired(row: &Workstation) -> bool {
    row.status == "offline" && row.lease.is_none()
}

/// The same within the time of a lease.
pub(crate) fn is_just_paired(row: &Workstation, now_ms: i64) -> bool {
    is_only_paired(row) && !is_old(row, now_ms)
}

/// Whether the list must ask for a row's sockets: stale and undecided by a lease (2.12).
fn needs_presence(row: &Workstation, now_ms: i64) -> bool {
    row.status == "online" && is_old(row, now_ms) && !has_fresh_lease(row)
}

/// Whether executing may resume compute here: sockets are not asked (2.22).
pub(crate) fn is_alive(row: &Workstation, now_ms: i64) -> bool {
    row.status == "online" && project(row, Presence::Unknown, now_ms).status == "online"
}

/// A caller's workstations and default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkstationList {
    /// By id.
    pub workstations: Vec<WorkstationView>,
    /// The default, if one is set.
    pub default: Option<String>,
}

/// Lists the caller's workstations; `presence` is asked only where it decides.
pub async fn list<S: Workstations>(
    store: &S,
    caller: &Caller,
    now_ms: i64,
    presence: impl Fn(&str) -> Presence + Send,
) -> Result<WorkstationList> {
    caller.signed_in("sign in to manage workstations")?;
    let default = store.default_workstation(&caller.principal).await?;
    let workstations = store
        .workstations(&caller.principal)
        .await?
        .into_iter()
        .map(|row| {
            let known = if needs_presence(&row, now_ms) {
                presence(&row.workstation_id)
            } else {
                Presence::Unknown
            };
            view(row, default.as_deref(), known, now_ms)
        })
        .collect();
    Ok(WorkstationList {
        workstations,
        default,
    })
}

/// Finds one of the caller's workstations with its projection.
pub(crate) async fn find<S: Workstations>(
    store: &S,
    owner: &str,
    id: &str,
    presence: Presence,
    now_ms: i64,
) -> Result<Option<WorkstationView>> {
    let Some(row) = store.workstation(owner, id).await? else {
        return Ok(None);
    };
    let default = store.default_workstation(owner).await?;
    Ok(Some(view(row, default.as_deref(), presence, now_ms)))
}

/// Selects the caller's default.
pub async fn select_default<S: Workstations>(
    store: &S,
    caller: &Caller,
    id: &str,
    now_ms: i64,
) -> Result<()> {
    caller.manages("sign in to select a default workstation")?;
    if store
        .set_default_workstation(&caller.principal, id, now_ms)
        .await?
    {
        Ok(())
    } else {
        Err(Refusal::Absent("workstation not found"))
    }
}

/// Removes one of the caller's workstations until it is paired again, and ends its jobs (HAZ-12). By a person's hand its
/// credentials end as well; a machine that removes itself ends its own by its next call.
pub async fn deregister<S: Catalog>(
    store: &S,
    caller: &Caller,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    caller.manages("sign in to deregister a workstation")?;
    let owner = &caller.principal;
    if store.workstation(owner, id).await?.is_none() {
        return Err(Refusal::WorkstationGone);
    }
    caller.may_serve(id)?;
    let closing = match caller.credential {
        Some(_) => Vec::new(),
        None => credentials::revoke_of_removed(store, caller, id, now_ms).await?,
    };
    let message = jobs::REMOVED_MESSAGE;
    let ended = store
        .fail_jobs_of_workstation(owner, id, message, now_ms)
        .await?;
    // While the row is there: rooms are told with its names.
    let ends = jobs::effects_of_end(store, &ended).await?;
    let is_event = |effect: &Effect| matches!(effect, Effect::NotifyJob(_));
    let (mut effects, in_rooms): (Vec<Effect>, Vec<Effect>) = ends.into_iter().partition(is_event);
    match store.remove_workstation(owner, id, now_ms).await? {
        None => return Err(Refusal::WorkstationGone),
        Some(false) => {}
        Some(true) => effects.push(Effect::WentOffline {
            owner_principal: owner.clone(),
            workstation_id: id.to_owned(),
            reason: "workstation deregistered",
        }),
    }
    // The machine hears it before its sockets are closed, and rooms are repaired once no runtime peer is there.
    effects.extend(closing);
    effects.extend(in_rooms);
    store
        .audit(&AuditEvent {
            at_ms: now_ms,
            actor_label: caller.actor_label.clone(),
            action: "workstation.remove",
            notebook_id: None,
            subject: Some(id.to_owned()),
            detail: None,
        })
        .await?;
    Ok(effects)
}

/// Finds the workstation whose event socket the caller wants to open.
pub async fn for_events<S: Workstations>(store: &S, caller: &Caller, id: &str) -> Result<()> {
    caller.manages("sign in to open workstation events")?;
    match store.workstation(&caller.principal, id).await? {
        Some(_) => caller.may_serve(id),
        None => Err(Refusal::WorkstationGone),
    }
}

#[cfg(test)]
mod tests;
