//! What happens by time alone: leases end, old leases are forgotten, silent jobs end (2.20, D1).

use store::Catalog;

use crate::{Effect, Result, jobs, limits};

/// Words of an ended lease.
pub const EXPIRED_REASON: &str = "lease expired: no heartbeat within the lease window";

/// The outcome of one sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Swept {
    /// What to announce.
    pub effects: Vec<Effect>,
    /// When to sweep next at the latest, if anything is due at all.
    pub next_ms: Option<i64>,
}

/// Ends what is due at `now_ms`. The end of a lease makes its workstation offline and nothing
/// else; a job ends only after `silent_job_ms` without a report (decision D1).
pub async fn sweep<S: Catalog>(store: &S, now_ms: i64, silent_job_ms: i64) -> Result<Swept> {
    let mut effects: Vec<Effect> = store
        .expire_leases(now_ms, EXPIRED_REASON)
        .await?
        .into_iter()
        .map(|lease| Effect::WentOffline {
            owner_principal: lease.owner_principal,
            workstation_id: lease.workstation_id,
            reason: EXPIRED_REASON,
        })
        .collect();
    store.clear_leases(now_ms - limits::LEASE_KEEP_MS).await?;
    let silent = store
        .fail_silent_jobs(now_ms - silent_job_ms, jobs::SILENT_MESSAGE, now_ms)
        .await?;
    effects.extend(jobs::effects_of_end(store, &silent).await?);
    let next_ms = store.next_lease_deadline(limits::LEASE_KEEP_MS).await?;
    Ok(Swept { effects, next_ms })
}
