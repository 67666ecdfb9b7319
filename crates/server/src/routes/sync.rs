//! The room socket: `/n/:id/sync` (CP 3.14, RP 1).

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Access, Downgrade};
use control_plane::room_tokens;
use room::{Join, WorkstationHeaders};
use store::{AttachJobs as _, Workstations as _};
use uuid::Uuid;
use wire::frame::MAX_FRAME_BYTES;
use wire::headers as names;
use wire::{ActorLabel, CredentialId, JobId, PeerId, SUBPROTOCOL, Scope, WorkstationId};

use super::path::NotebookPath;
use super::upgrade::Upgrade;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::{Identity, Provider, has_credential_subprotocol};
use crate::request::Facts;
use crate::rooms::{Dial, serve};
use crate::sockets::{SocketKind, Standing};

/// An idle socket costs its buffers; with these it costs little.
const BUFFER: usize = 4096;
/// What may wait in the socket itself must exceed the largest message, or it is reset.
const WRITE_BUFFER_MAX: usize = 2 * MAX_FRAME_BYTES;
/// Bytes of one message of a viewer, who can send no changes: what it says of what it has and lacks, presence, requests
/// for its own use. Everybody else may send the largest frame.
const VIEWER_MESSAGE_MAX: usize = 2 * 1024 * 1024;
/// The longest name and address handed to a room (CP-043).
const TEXT_LIMIT: usize = 512;

/// Checks a dial in the order of RP 1.7 and hands it to its room.
pub(super) async fn sync(
    State(app): State<App>,
    facts: Facts,
    id: Result<NotebookPath, ApiError>,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let needs_origin = has_credential_subprotocol(&facts) || facts.session_cookie(&app).is_some();
    facts.check_socket_origin(&app, needs_origin)?;
    let NotebookPath(notebook_id) = id?;
    let identity = app.identify_socket(&facts).await?;
    let access = authorize(&app, &identity, &notebook_id).await?;
    let place = app.open_socket(SocketKind::Room, &identity, &facts)?;
    let workstation = match access.scope {
        Scope::RuntimePeer => Some(workstation(&app, &facts, &identity).await?),
        _ => None,
    };
    if let Some(headers) = &workstation {
        app.rooms()
            .admit(&app, &notebook_id, headers)
            .await
            .map_err(|cause| ApiError::unavailable(cause.to_string()).retry_after(1))?
            .map_err(|refused| ApiError::conflict(refused.to_string()))?;
        is_own_session(&app, &identity, &notebook_id, headers).await?;
    }
    let upgrade = upgrade.whole()?;
    let echoes = identity.provider == Provider::AppSession || has_credential_subprotocol(&facts);
    let upgrade = if echoes {
        upgrade.protocols([SUBPROTOCOL])
    } else {
        upgrade
    };
    let granted = access.scope;
    let message_max = match granted {
        Scope::Viewer => VIEWER_MESSAGE_MAX,
        _ => MAX_FRAME_BYTES,
    };
    let dial = Dial {
        join: Join {
            rejoins: facts
                .input(names::EPOCHS, names::EPOCHS_QUERY)
                .is_some_and(|word| word == names::REJOIN),
            ..join(&app, &identity, &access, workstation)?
        },
        may_lapse: may_lapse(&identity),
        message_max,
        session_id: identity.session_id,
        notebook_id: notebook_id.clone(),
    };
    let token = app.tasks().token();
    Ok(upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(message_max)
        .max_frame_size(message_max)
        .on_upgrade(move |socket| async move {
            let again = || async {
                // The same questions as before the upgrade: has anything been revoked since?
                let asked = async {
                    let identity = app.identify_socket(&facts).await?;
                    authorize(&app, &identity, &notebook_id).await
                };
                Standing::of(asked.await.map(|access| access.scope == granted))
            };
            Box::pin(serve(&app, socket, dial, again)).await;
            drop((token, place));
        }))
}

/// Whether what was presented may be taken back or run out while the socket is open. Room tokens and the provider's own
/// tokens are good for a dial, minutes long, and not for as long as the socket lasts.
fn may_lapse(identity: &Identity) -> bool {
    match &identity.credential {
        Some(credential) => credential.room.is_none(),
        None => identity.session_id.is_some(),
    }
}

async fn authorize(app: &App, identity: &Identity, notebook_id: &str) -> Result<Access, ApiError> {
    room_tokens::may_enter(app.catalog(), &identity.caller(), notebook_id).await?;
    let access = access::authorize(
        app.catalog(),
        &identity.caller(),
        notebook_id,
        identity.scope,
        Downgrade::Live,
    )
    .await?;
    Ok(access)
}

fn join(
    app: &App,
    identity: &Identity,
    access: &Access,
    workstation: Option<WorkstationHeaders>,
) -> Result<Join, ApiError> {
    let actor = ActorLabel::parse(&identity.actor_label())
        .map_err(|cause| ApiError::bad_request(format!("Error: {cause}")))?;
    Ok(Join {
        peer_id: PeerId::from(Uuid::new_v4().to_string()),
        actor,
        scope: access.scope,
        may_run: access.may_run,
        identity_provider: Some(identity.provider.as_str().to_owned()),
        principal_namespace: Some(identity.principal_namespace.clone()),
        display_name: identity.display_name.as_deref().and_then(plain),
        email: None,
        credential_id: identity
            .credential
            .as_ref()
            .map(|credential| CredentialId::from(credential.id.as_str())),
        workstation,
        rejoins: false,
        connected_at: app.now(),
    })
}

/// Refuses somebody else's session, and that of another workstation: its peer would be closed as replaced (HAZ-4).
async fn is_own_session(
    app: &App,
    identity: &Identity,
    notebook_id: &str,
    headers: &WorkstationHeaders,
) -> Result<(), ApiError> {
    let (Some(id), Some(session)) = (&headers.workstation_id, &headers.runtime_session_id) else {
        return Ok(());
    };
    let job = app.catalog().job_by_id(session.as_str()).await?;
    let is_foreign = job.is_some_and(|job| {
        job.owner_principal != identity.principal
            || job.workstation_id != id.as_str()
            || job.notebook_id != notebook_id
    });
    if is_foreign {
        return Err(ApiError::forbidden(format!(
            "runtime session {session} is not of this workstation's\n\
             Hint: attach this workstation to the notebook, and dial with the session of that job"
        )));
    }
    Ok(())
}

/// What the dial says of the machine, with what the registry adds (RP 1.3).
async fn workstation(
    app: &App,
    facts: &Facts,
    identity: &Identity,
) -> Result<WorkstationHeaders, ApiError> {
    let given = |header: names::MetadataHeader| {
        facts
            .header(header.name)
            .and_then(|value| header.accept(value))
    };
    // Additive: texts that no header can carry come percent-encoded, and say so.
    let encoded = facts.header(names::METADATA_ENCODING) == Some(names::PERCENT);
    let text = |header: names::MetadataHeader| {
        let value = facts.header(header.name).filter(|_| encoded);
        let decoded = value.and_then(crate::request::percent_decode);
        let decoded = decoded.filter(|text| !text.contains(char::is_control));
        if encoded {
            decoded.and_then(|value| header.accept(&value))
        } else {
            given(header)
        }
    };
    // A room token says for which workstation and session it is; the headers cannot say otherwise.
    let room = identity.credential.as_ref().and_then(|c| c.room.as_ref());
    let id = room.map_or_else(
        || given(names::WORKSTATION_ID),
        |room| Some(room.workstation_id.clone()),
    );
    let session = room.map_or_else(
        || given(names::RUNTIME_SESSION_ID),
        |room| Some(room.job_id.clone()),
    );
    if let Some(id) = &id {
        identity.caller().may_serve(id)?;
    }
    let row = match &id {
        Some(id) => app
            .catalog()
            .workstation(&identity.principal, id)
            .await
            .unwrap_or_default(),
        None => None,
    };
    let registered = row.as_ref();
    Ok(WorkstationHeaders {
        workstation_id: id.map(WorkstationId::from),
        runtime_session_id: session.map(JobId::from),
        display_name: text(names::DISPLAY_NAME)
            .or_else(|| registered.map(|row| row.display_name.clone())),
        default_environment: given(names::DEFAULT_ENVIRONMENT)
            .or_else(|| registered.and_then(|row| row.default_environment_label.clone())),
        environment_policy: given(names::ENVIRONMENT_POLICY)
            .or_else(|| registered.and_then(|row| row.environment_policy.clone())),
        working_directory: text(names::WORKING_DIRECTORY)
            .or_else(|| registered.and_then(|row| row.working_directory.clone())),
        cpu_count: registered.and_then(|row| u64::try_from(row.cpu_count?).ok()),
        memory_bytes: registered.and_then(|row| u64::try_from(row.memory_bytes?).ok()),
        accelerators: registered
            .and_then(|row| serde_json::from_str(row.accelerators_json.as_deref()?).ok()),
        idle_minutes: registered.and_then(|row| u64::try_from(row.idle_minutes?).ok()),
    })
}

/// One line of at most 512 characters.
fn plain(text: &str) -> Option<String> {
    let text: String = text
        .chars()
        .map(|c| {
            if matches!(c, '\0' | '\r' | '\n') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let text: String = text.trim().chars().take(TEXT_LIMIT).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    // CP-043
    #[test]
    fn cp_043_a_name_is_one_line_of_at_most_512_characters() {
        let name = plain(" Ada\r\nLovelace\0 ").unwrap();
        assert!(name.starts_with("Ada ") && name.ends_with(" Lovelace"));
        assert!(!name.contains(['\r', '\n', '\0']), "{name:?}");
        assert_eq!(plain("\n"), None);
        let long = plain(&"é".repeat(600)).unwrap();
        assert_eq!(long.chars().count(), 512);
    }
}
