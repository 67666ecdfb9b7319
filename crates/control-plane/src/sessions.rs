//! Browser sessions as their owner sees them: one for each device, ended one by one (decision D8).

use store::{Accounts, AuditEvent, AuditTrail, Session};

use crate::access::{self, AccountAct};
use crate::{Caller, Effect, Refusal, Result};

const SIGN_IN: &str = "sign in to manage sessions";

/// The caller's sessions that still work, newest first.
pub async fn list<S: Accounts>(store: &S, caller: &Caller, now_ms: i64) -> Result<Vec<Session>> {
    access::authorize_account(caller, AccountAct::SignIn, SIGN_IN)?;
    let mut sessions = store.sessions(&caller.principal).await?;
    sessions.retain(|session| session.revoked_ms.is_none() && session.expires_ms > now_ms);
    Ok(sessions)
}

/// Ends one session of the caller's; doing it twice is fine. Its sockets end with it.
pub async fn revoke<S: Accounts + AuditTrail>(
    store: &S,
    caller: &Caller,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    access::authorize_account(caller, AccountAct::SignIn, SIGN_IN)?;
    if !store.revoke_session(&caller.principal, id, now_ms).await? {
        return Err(Refusal::Absent("session not found"));
    }
    ended(store, caller, id, now_ms).await.map(|end| vec![end])
}

/// Ends every session of the caller's but the one given; says how many.
pub async fn revoke_others<S: Accounts + AuditTrail>(
    store: &S,
    caller: &Caller,
    kept: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let mut effects = Vec::new();
    for session in list(store, caller, now_ms).await? {
        if Some(session.id.as_str()) != kept {
            store
                .revoke_session(&caller.principal, &session.id, now_ms)
                .await?;
            effects.push(ended(store, caller, &session.id, now_ms).await?);
        }
    }
    Ok(effects)
}

async fn ended<S: AuditTrail>(store: &S, caller: &Caller, id: &str, now_ms: i64) -> Result<Effect> {
    let event = AuditEvent {
        at_ms: now_ms,
        actor_label: caller.actor_label.clone(),
        action: "session.revoke",
        notebook_id: None,
        subject: Some(id.to_owned()),
        detail: None,
    };
    store.audit(&event).await?;
    Ok(Effect::CloseSession {
        session_id: id.to_owned(),
    })
}
