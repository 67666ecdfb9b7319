//! Room tokens: an accepted job exchanged for minutes in one room (decision D16).

use store::{Catalog, NewRoomToken, RoomToken};
use uuid::Uuid;
use wire::Scope;
use wire::http::JobStatus;

use crate::machines;
use crate::secrets::{hash_secret, job_of_room_token, room_token};
use crate::{Caller, Refusal, Result};

/// A token to show once.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The secret token.
    pub token: String,
    /// The job it is good for, which is also the runtime session.
    pub job_id: String,
    /// The one notebook.
    pub notebook_id: String,
    /// When it ends.
    pub expires_ms: i64,
    /// Its life.
    pub lifetime_ms: i64,
}

/// Exchanges an accepted or running job for a token, also again and again while it is active.
/// Only the workstation's credential may.
pub async fn issue<S: Catalog>(
    store: &S,
    caller: &Caller,
    workstation_id: &str,
    job_id: &str,
    entropy: [u8; 24],
    now_ms: i64,
) -> Result<Issued> {
    const ABSENT: Refusal = Refusal::Absent("workstation attach job not found");
    caller.manages("sign in to exchange a workstation job")?;
    caller.may_serve(workstation_id).map_err(|_| ABSENT)?;
    let Some(credential) = &caller.credential else {
        return Err(Refusal::Forbidden(
            "only a workstation credential may exchange a job for a room token".to_owned(),
        ));
    };
    let job = store
        .job(&caller.principal, workstation_id, job_id)
        .await?
        .ok_or(ABSENT)?;
    if job.status == JobStatus::Pending {
        return Err(Refusal::Conflict(
            "workstation attach job has not been accepted yet",
        ));
    }
    let Some(uuid) = Uuid::parse_str(&job.id)
        .ok()
        .filter(|_| job.status.is_active())
    else {
        return Err(Refusal::JobOver(Box::new(job)));
    };
    let lifetime_ms = 1000
        * machines::settings_of(store, &caller.principal)
            .await?
            .room_token_s;
    let token = room_token(uuid, entropy);
    let new = NewRoomToken {
        token_hash: hash_secret(&token),
        job_id: job.id.clone(),
        credential_id: credential.id.clone(),
        principal_namespace: caller.namespace.clone(),
        issued_ms: now_ms,
        expires_ms: now_ms + lifetime_ms,
    };
    if !store.create_room_token(&new).await? {
        return Err(Refusal::JobOver(Box::new(job)));
    }
    Ok(Issued {
        token,
        job_id: job.id,
        notebook_id: job.notebook_id,
        expires_ms: new.expires_ms,
        lifetime_ms,
    })
}

/// Recognises a token. One whose time is over has an answer of its own, since it is to be renewed;
/// one whose job is over has another, since it is not.
pub async fn authenticate<S: Catalog>(
    store: &S,
    token: &str,
    scope: Option<&str>,
    now_ms: i64,
) -> Result<RoomToken> {
    const UNKNOWN: Refusal = Refusal::SignIn("room token is not recognized");
    let found = store.room_token(&hash_secret(token)).await?;
    let Some(found) = found else {
        // Forgotten by now, or never ours.
        let job_id = job_of_room_token(token).ok_or(UNKNOWN)?;
        let job = store.job_by_id(&job_id).await?.ok_or(UNKNOWN)?;
        return Err(if job.status.is_active() {
            Refusal::RoomTokenExpired
        } else {
            Refusal::JobOver(Box::new(job))
        });
    };
    if found.credential_revoked_ms.is_some() {
        return Err(Refusal::SignIn("workstation credential is not recognized"));
    }
    if !found.job_status.is_active() {
        let job = store.job_by_id(&found.job_id).await?.ok_or(UNKNOWN)?;
        return Err(Refusal::JobOver(Box::new(job)));
    }
    if found.expires_ms <= now_ms {
        return Err(Refusal::RoomTokenExpired);
    }
    match scope.map(str::parse::<Scope>) {
        Some(Ok(Scope::RuntimePeer)) => Ok(found),
        Some(Err(error)) => Err(Refusal::invalid(format!("Error: {error}"))),
        Some(Ok(_)) | None => Err(Refusal::Forbidden(
            "room tokens are good for runtime_peer scope only".to_owned(),
        )),
    }
}

/// Refuses a room, or its blobs, to whoever may not use this one: a room token of another room, or
/// a workstation credential itself where its owner wants room tokens only.
pub async fn may_enter<S: Catalog>(store: &S, caller: &Caller, notebook_id: &str) -> Result<()> {
    let Some(credential) = &caller.credential else {
        return Ok(());
    };
    match &credential.room {
        Some(room) if room.notebook_id == notebook_id => Ok(()),
        Some(_) => Err(Refusal::Forbidden(
            "this room token is for another room".to_owned(),
        )),
        None if machines::settings_of(store, &caller.principal)
            .await?
            .room_tokens_only =>
        {
            Err(Refusal::Forbidden(
                "the owner lets only room tokens into rooms\n\
                 Hint: exchange the attach job for a room token, or allow workstation credentials in the workstations panel"
                    .to_owned(),
            ))
        }
        None => Ok(()),
    }
}
