//! What an owner sets for all machines, and what happened to them.

use serde_json::{Map, Value};
use store::{AuditEvent, Catalog, HistoryPage, MachineEvent, MachineSettings, Machines};

use crate::{Caller, Fields, Refusal, Result, limits};

/// An owner's settings, or what holds without any.
pub async fn settings_of<S: Machines>(store: &S, owner: &str) -> Result<MachineSettings> {
    Ok(store
        .machine_settings(owner)
        .await?
        .unwrap_or(MachineSettings {
            room_tokens_only: false,
            room_token_s: limits::ROOM_TOKEN_S,
            credential_days: None,
        }))
}

/// The caller's settings.
pub async fn settings<S: Machines>(store: &S, caller: &Caller) -> Result<MachineSettings> {
    caller.signed_in("sign in to manage workstations")?;
    settings_of(store, &caller.principal).await
}

/// Changes those of the caller's settings that the body names. `credential_days` of null or 0 lets
/// credentials live without end.
pub async fn change_settings<S: Catalog>(
    store: &S,
    caller: &Caller,
    body: &Map<String, Value>,
    now_ms: i64,
) -> Result<MachineSettings> {
    caller.manages("sign in to manage workstations")?;
    let mut settings = settings(store, caller).await?;
    let fields = Fields::new(body);
    if fields.get("room_tokens_only").is_some() {
        settings.room_tokens_only = fields.is_true("room_tokens_only");
    }
    if let Some(seconds) = fields.optional_positive("room_token_s")? {
        let range = limits::ROOM_TOKEN_RANGE_S;
        if !range.contains(&seconds) {
            let (least, most) = (range.start(), range.end());
            let what = format!("must be an integer from {least} to {most}");
            return Err(fields.refuse("room_token_s", &what));
        }
        settings.room_token_s = seconds;
    }
    if body.contains_key("credential_days") {
        let days = fields.optional_count("credential_days")?.unwrap_or(0);
        if days > limits::CREDENTIAL_DAYS {
            let what = format!("must be an integer from 0 to {}", limits::CREDENTIAL_DAYS);
            return Err(fields.refuse("credential_days", &what));
        }
        settings.credential_days = (days > 0).then_some(days);
    }
    let owner = &caller.principal;
    store.set_machine_settings(owner, &settings, now_ms).await?;
    store
        .audit(&AuditEvent {
            at_ms: now_ms,
            actor_label: caller.actor_label.clone(),
            action: "workstations.settings",
            notebook_id: None,
            subject: None,
            detail: Some(format!(
                "room tokens only: {}, room token: {} s, credential: {} days (0: no end)",
                settings.room_tokens_only,
                settings.room_token_s,
                settings.credential_days.unwrap_or(0),
            )),
        })
        .await?;
    Ok(settings)
}

/// What happened to one of the caller's workstations, or to one of its jobs, newest first; `before`
/// is the id of the last event already seen. A removed workstation's history stays readable.
pub async fn history<S: Catalog>(
    store: &S,
    caller: &Caller,
    workstation_id: &str,
    job_id: Option<&str>,
    limit: Option<&str>,
    before: Option<&str>,
) -> Result<Vec<MachineEvent>> {
    caller.signed_in("sign in to manage workstations")?;
    let limit = crate::fields::limit(limit, limits::HISTORY_DEFAULT, limits::HISTORY_MAX)?;
    let before_id = crate::fields::limit(before, i64::MAX, i64::MAX)
        .map_err(|_| Refusal::invalid("before must be a positive integer"))?;
    let page = HistoryPage {
        job_id,
        before_id,
        limit,
    };
    let owner = &caller.principal;
    let events = store.machine_events(owner, workstation_id, page).await?;
    let known = !events.is_empty() || store.workstation(owner, workstation_id).await?.is_some();
    if known {
        Ok(events)
    } else {
        Err(Refusal::WorkstationGone)
    }
}
