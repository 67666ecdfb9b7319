//! Snapshots that clients publish and read: notebook, runtime state, comms (CP 3.9).
//!
//! Unlike the reference, publishing makes nothing public unless it is asked to, creates no
//! notebook, and a failing publish touches nothing that was there (HAZ-20 to HAZ-22).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use blob_store::BlobError;
use bytes::Bytes;
use control_plane::access::{self, Downgrade};
use control_plane::{Caller, sharing};
use documents::DocKind;
use documents::inflation::{Budget, DOCUMENT_INFLATED_MAX};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use room::StoredDocuments;
use serde_json::{Map, Value, json};
use store::{Artifact, Notebooks as _, Revision, RevisionDocument, Revisions as _};
use uuid::Uuid;
use wire::Scope;

use super::blobs::has;
use super::body::read_body;
use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, Identity};
use crate::request::Facts;
use crate::revision::{self, DOCUMENT_TYPE, Pair, Part};

/// The most bytes of one snapshot.
const SNAPSHOT_LIMIT: u64 = 64 * 1024 * 1024;
/// The most blobs that one revision may name.
const REFERENCES: usize = 2000;
/// The longest heads hash or document id.
const NAME: usize = 512;
/// Bearer or development identity; no cookie, no workstation.
const PUBLISHERS: Accept = Accept {
    room_token: false,
    cookie: false,
    workstation: false,
};
/// Asks for the public link beside the publishing (additive; CP-310 is deliberately different).
const MAKE_PUBLIC: &str = "x-publish-public";

/// `/api/n/:id/snapshots/:notebookHeadsHash`.
pub(super) async fn notebook(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    let heads = heads_of_path(&facts)?;
    match facts.method {
        Method::GET => read(&app, &facts, &id, Part::Notebook, "", &heads).await,
        Method::PUT => {
            let caller = publisher(&app, &facts, &id, "snapshots").await?.caller();
            let names = Names::of(&facts)?;
            let body = read_body(request, SNAPSHOT_LIMIT).await?;
            let public = facts.header(MAKE_PUBLIC) == Some("true");
            Publish {
                app: &app,
                caller,
                id,
                heads,
                names,
                public,
            }
            .run(body, content_type(&facts))
            .await
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// `/api/n/:id/runtime-snapshots/:runtimeHeadsHash`.
pub(super) async fn runtime(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    artifact(app, facts, id, request, Part::Runtime).await
}

/// `/api/n/:id/comms-snapshots/:commsHeadsHash`.
pub(super) async fn comms(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    artifact(app, facts, id, request, Part::Comms).await
}

async fn artifact(
    app: App,
    facts: Facts,
    id: String,
    request: Request,
    part: Part,
) -> Result<Response, ApiError> {
    let heads = heads_of_path(&facts)?;
    match facts.method {
        Method::GET => {
            let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
            access::authorize(app.catalog(), &caller, &id, Scope::Viewer, Downgrade::Never).await?;
            let doc_id = doc_id(&facts)?;
            read(&app, &facts, &id, part, &doc_id, &heads).await
        }
        Method::PUT => {
            let what = match part {
                Part::Runtime => "runtime snapshots",
                _ => "comms snapshots",
            };
            publisher(&app, &facts, &id, what).await?;
            let doc_id = doc_id(&facts)?;
            let key = part.key(&id, &doc_id, &heads);
            check_owner(&app, &key, &id, part).await?;
            let body = read_body(request, SNAPSHOT_LIMIT).await?;
            let artifact = keep(&app, key, &id, body, content_type(&facts)).await?;
            if !app.catalog().put_artifact(&artifact).await? {
                return Err(belongs_to_another(part));
            }
            Ok(json_response(
                StatusCode::CREATED,
                &json!({
                    "ok": true,
                    "key": artifact.key,
                    "size": artifact.size_bytes,
                    "runtime_state_doc_id": doc_id,
                }),
            ))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn publisher(app: &App, facts: &Facts, id: &str, what: &str) -> Result<Identity, ApiError> {
    facts.check_origin(app)?;
    let identity = app.identify(facts, PUBLISHERS).await?;
    if identity.is_anonymous() || identity.scope != Scope::Owner {
        return Err(ApiError::forbidden(format!(
            "{} cannot publish {what}",
            identity.scope
        )));
    }
    let caller = identity.caller();
    access::authorize(app.catalog(), &caller, id, Scope::Owner, Downgrade::Never).await?;
    Ok(identity)
}

async fn check_owner(app: &App, key: &str, id: &str, part: Part) -> Result<(), ApiError> {
    let known = app.catalog().artifact(key).await?;
    match known {
        Some(artifact) if artifact.notebook_id != id => Err(belongs_to_another(part)),
        _ => Ok(()),
    }
}

fn belongs_to_another(part: Part) -> ApiError {
    ApiError::forbidden(match part {
        Part::Comms => "comms snapshot belongs to another notebook",
        _ => "runtime snapshot belongs to another notebook",
    })
}

async fn keep(
    app: &App,
    key: String,
    id: &str,
    body: Bytes,
    content_type: String,
) -> Result<Artifact, ApiError> {
    let size_bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
    let blob_hash = revision::keep(app, body).await?;
    Ok(Artifact {
        key,
        notebook_id: id.to_owned(),
        blob_hash,
        size_bytes,
        content_type,
        stored_ms: app.now_ms(),
    })
}

async fn read(
    app: &App,
    facts: &Facts,
    id: &str,
    part: Part,
    doc_id: &str,
    heads: &str,
) -> Result<Response, ApiError> {
    let caller = app.identify(facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, id, Scope::Viewer, Downgrade::Never).await?;
    let absent = || {
        ApiError::not_found(match part {
            Part::Notebook => "snapshot not found",
            Part::Runtime => "runtime snapshot not found",
            Part::Comms => "comms snapshot not found",
        })
    };
    let key = part.key(id, doc_id, heads);
    let artifact = app.catalog().artifact(&key).await?;
    let artifact = artifact
        .filter(|found| found.notebook_id == id)
        .ok_or_else(absent)?;
    if has(facts, &header::IF_NONE_MATCH, &etag(&artifact)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        set(response.headers_mut(), &artifact);
        return Ok(response);
    }
    let bytes = app.blobs().bytes(&artifact.blob_hash).await;
    let bytes = bytes.map_err(|cause| match cause {
        BlobError::Absent => absent(),
        cause => cause.into(),
    })?;
    let mut response = bytes.into_response();
    set(response.headers_mut(), &artifact);
    Ok(response)
}

/// Only somebody who may read the notebook was given it: shared caches must not keep it (HAZ-24).
/// A key may be written again, so a cache asks each time whether it still has the right bytes.
fn set(headers: &mut HeaderMap, artifact: &Artifact) {
    let etag = etag(artifact);
    for (name, value) in [
        (header::CONTENT_TYPE, artifact.content_type.as_str()),
        (header::ETAG, &etag),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

fn etag(artifact: &Artifact) -> String {
    format!("\"{}\"", artifact.blob_hash)
}

fn heads_of_path(facts: &Facts) -> Result<String, ApiError> {
    facts
        .uri
        .path()
        .rsplit('/')
        .next()
        .and_then(crate::request::percent_decode)
        .filter(|heads| !heads.is_empty() && heads.len() <= NAME)
        .ok_or_else(|| ApiError::bad_request("request path has a malformed escape"))
}

/// A header's trimmed value; blank and `none` are absent (CP-306).
fn name(facts: &Facts, header: &str) -> Option<String> {
    let text = facts.header(header)?.trim();
    (!text.is_empty() && text != "none" && text.len() <= NAME).then(|| text.to_owned())
}

fn doc_id(facts: &Facts) -> Result<String, ApiError> {
    name(facts, "x-runtime-state-doc-id")
        .ok_or_else(|| ApiError::bad_request("X-Runtime-State-Doc-Id header is required"))
}

fn content_type(facts: &Facts) -> String {
    facts
        .header("content-type")
        .unwrap_or(DOCUMENT_TYPE)
        .to_owned()
}

/// What a publishing names beside the notebook document.
struct Names {
    doc_id: String,
    runtime: String,
    comms: Option<String>,
}

impl Names {
    fn of(facts: &Facts) -> Result<Self, ApiError> {
        Ok(Self {
            doc_id: doc_id(facts)?,
            runtime: name(facts, "x-runtime-heads-hash")
                .ok_or_else(|| ApiError::bad_request("X-Runtime-Heads-Hash header is required"))?,
            comms: name(facts, "x-comms-heads-hash"),
        })
    }
}

/// One publishing of a notebook document.
struct Publish<'a> {
    app: &'a App,
    caller: Caller,
    id: String,
    heads: String,
    names: Names,
    public: bool,
}

impl Publish<'_> {
    async fn run(self, body: Bytes, content_type: String) -> Result<Response, ApiError> {
        let Names {
            doc_id,
            runtime,
            comms,
        } = &self.names;
        let runtime = self
            .part(Part::Runtime, runtime)
            .await?
            .ok_or_else(|| missing("runtime-state", "runtime_heads_hash", runtime))?;
        let comms = match comms {
            None => None,
            Some(heads) => Some(
                self.part(Part::Comms, heads)
                    .await?
                    .ok_or_else(|| missing("comms-doc", "comms_heads_hash", heads))?,
            ),
        };
        let cells = body.clone();
        let pair = self.pair(body.clone(), &runtime).await?;
        let named = self.check_blobs(&pair).await?;
        let key = Part::Notebook.key(&self.id, "", &self.heads);
        let artifact = keep(self.app, key, &self.id, body, content_type).await?;
        let summary = pair.summary();
        let revision = Revision {
            id: Uuid::new_v4().to_string(),
            notebook_id: self.id.clone(),
            title: None,
            runtime_state_doc_id: doc_id.clone(),
            notebook: RevisionDocument {
                heads_hash: self.heads.clone(),
                key: artifact.key.clone(),
                blob_hash: artifact.blob_hash.clone(),
            },
            runtime,
            comms,
            cover: revision::cover(&summary),
            actor_label: self.caller.actor_label.clone(),
            created_ms: self.app.now_ms(),
        };
        self.app
            .catalog()
            .publish(&revision, &[artifact], &named)
            .await?;
        if self.public {
            self.make_public().await?;
        }
        revision::describe(self.app, &self.id, &summary).await;
        let in_room = self.show(&cells, &revision).await;
        Ok(json_response(
            StatusCode::CREATED,
            &json!({
                "ok": true,
                "revision_id": revision.id,
                "key": revision.notebook.key,
                "runtime_state_doc_id": doc_id,
                "comms_snapshot_key": revision.comms.map(|comms| comms.key),
                "in_room": in_room,
            }),
        ))
    }

    /// Lets the room take the documents up, unless it has its own (RP 4.10); `in_room` of the answer (additive) says which.
    async fn show(&self, cells: &[u8], revision: &Revision) -> bool {
        let shown = async {
            let mut documents = StoredDocuments::default();
            documents.append(DocKind::Notebook, cells);
            let blobs = self.app.blobs();
            let states = blobs.bytes(&revision.runtime.blob_hash).await?;
            documents.append(DocKind::RuntimeState, &states);
            if let Some(comms) = &revision.comms {
                let widgets = blobs.bytes(&comms.blob_hash).await?;
                // The other two were counted before they were read as a pair.
                Budget::new(DOCUMENT_INFLATED_MAX)
                    .take(&widgets)
                    .map_err(ApiError::internal)?;
                documents.append(DocKind::Comms, &widgets);
            }
            let rooms = self.app.rooms();
            let shown = rooms.published(self.app, &self.id, &documents).await;
            shown.map_err(ApiError::internal)
        };
        // The revision is there all the same.
        shown.await.unwrap_or_else(|cause| {
            tracing::warn!(notebook_id = self.id, %cause, "a room did not take a publication up");
            false
        })
    }

    async fn part(&self, part: Part, heads: &str) -> Result<Option<RevisionDocument>, ApiError> {
        let key = part.key(&self.id, &self.names.doc_id, heads);
        let artifact = self.app.catalog().artifact(&key).await?;
        Ok(artifact
            .filter(|artifact| artifact.notebook_id == self.id)
            .map(|artifact| RevisionDocument {
                heads_hash: heads.to_owned(),
                key: artifact.key,
                blob_hash: artifact.blob_hash,
            }))
    }

    async fn pair(&self, notebook: Bytes, runtime: &RevisionDocument) -> Result<Pair, ApiError> {
        let runtime = self.app.blobs().bytes(&runtime.blob_hash).await?;
        let pair = tokio::task::spawn_blocking(move || Pair::load(&notebook, &runtime))
            .await
            .map_err(ApiError::internal)?
            .map_err(|details| {
                ApiError::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "snapshot pair validation failed",
                )
                .with("details", details)
            })?;
        let pointer = pair.notebook.root_text("runtime_state_doc_id");
        if pointer.as_deref() != Some(self.names.doc_id.as_str()) {
            return Err(
                ApiError::conflict("snapshot pair runtime_state_doc_id mismatch")
                    .with("expected_runtime_state_doc_id", self.names.doc_id.as_str())
                    .with("actual_runtime_state_doc_id", pointer),
            );
        }
        Ok(pair)
    }

    /// Every blob must be the notebook's already; their hashes.
    async fn check_blobs(&self, pair: &Pair) -> Result<Vec<String>, ApiError> {
        let named = pair.references();
        if named.len() > REFERENCES {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "snapshot references too many blobs",
            )
            .with("blob_ref_count", named.len())
            .with("blob_ref_cap", REFERENCES));
        }
        let mut missing: Vec<Value> = Vec::new();
        for (hash, reference) in &named {
            let known = self.app.catalog().blob(&self.id, hash).await?;
            if known.is_none() {
                let (size, media_type) = (reference.size, &reference.media_type);
                missing.push(json!({ "hash": hash, "size": size, "media_type": media_type }));
            }
        }
        if missing.is_empty() {
            return Ok(named.into_keys().collect());
        }
        Err(ApiError::new(
            StatusCode::FAILED_DEPENDENCY,
            "snapshot pair validation missing blobs",
        )
        .with("missing_blobs", missing))
    }

    async fn make_public(&self) -> Result<(), ApiError> {
        let row = json!({ "subject_kind": "public", "subject": "anonymous", "scope": "viewer" });
        let members: Map<String, Value> = row.as_object().cloned().unwrap_or_default();
        let mutation = sharing::parse(&members)?;
        let (catalog, now) = (self.app.catalog(), self.app.now_ms());
        let (_, effects) = sharing::grant(catalog, &self.caller, &self.id, &mutation, now).await?;
        self.app.carry_out(effects).await;
        Ok(())
    }
}

fn missing(what: &str, member: &str, heads: &str) -> ApiError {
    ApiError::new(
        StatusCode::FAILED_DEPENDENCY,
        format!("snapshot publish missing {what} snapshot"),
    )
    .with(member, heads)
}

#[cfg(test)]
mod tests;
