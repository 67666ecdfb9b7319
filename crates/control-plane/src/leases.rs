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
/// else; a user's request ends when nobody accepted it in time, any other job only after
/// `silent_job_ms` without a report (decision D1).
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
    let message = jobs::STALE_PENDING_MESSAGE;
    let stale = store
        .fail_stale_jobs(now_ms - limits::PENDING_STALE_MS, message, now_ms)
        .await?;
    effects.extend(jobs::effects_of_end(store, &stale).await?);
    let silent = store
        .fail_silent_jobs(now_ms - silent_job_ms, jobs::SILENT_MESSAGE, now_ms)
        .await?;
    effects.extend(jobs::effects_of_end(store, &silent).await?);
    let lease = store.next_lease_deadline(limits::LEASE_KEEP_MS).await?;
    // A request exactly at its limit is still fresh.
    let pending = store.oldest_pending_request().await?;
    let request = pending.map(|requested| requested + limits::PENDING_STALE_MS + 1);
    let next_ms = [lease, request].into_iter().flatten().min();
    Ok(Swept { effects, next_ms })
}

/// Forgets what nobody asks for any more: ended room tokens, old history.
pub async fn tidy<S: Catalog>(store: &S, now_ms: i64) -> Result<()> {
    store.purge_room_tokens(now_ms).await?;
    store
        .purge_machine_events(now_ms - limits::HISTORY_KEEP_MS)
        .await?;
    Ok(())
}
