//! Blobs: content-addressed bytes of one notebook (CP 3.10).

mod batch;
mod cover;
mod reading;
mod together;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use blob_store::{Kept, Stored, Upload};
use control_plane::access::{self, Downgrade};
use control_plane::room_tokens;
use futures_util::StreamExt as _;
use http::{Method, StatusCode, header};
use serde_json::json;
use store::{BlobRow, Notebooks as _};

pub(super) use batch::post as batch;
pub(super) use cover::read as cover;
pub(super) use reading::has;
pub(super) use together::post as together;

use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, Identity};
use crate::request::Facts;

/// Every method of `/api/n/:id/blobs/:hash`.
pub(super) async fn blob(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    let hash = facts
        .uri
        .path()
        .rsplit('/')
        .next()
        .and_then(crate::request::percent_decode)
        .unwrap_or_default();
    match facts.method {
        Method::GET | Method::HEAD => reading::read(&app, &facts, &id, &hash).await,
        Method::PUT => write(&app, &facts, &id, &hash, request.into_body()).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn write(
    app: &App,
    facts: &Facts,
    id: &str,
    hash: &str,
    body: Body,
) -> Result<Response, ApiError> {
    let identity = uploader(app, facts).await?;
    let kind = content_type(facts).ok_or_else(unsupported)?;
    // Whoever may not write here is told before a byte is stored.
    may_upload(app, &identity, id).await?;
    let (size, stored) = match receive(app, body).await?.keep_as(hash).await? {
        Kept::Stored { size, stored } => (size, stored),
        Kept::Other { actual } => return Err(mismatch(hash, &actual)),
    };
    let new = app
        .catalog()
        .record_blob(&BlobRow {
            notebook_id: id.to_owned(),
            hash: hash.to_owned(),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            content_type: Some(kind),
            uploaded_ms: app.now_ms(),
        })
        .await?;
    tracing::debug!(
        id,
        hash,
        size,
        shared = stored == Stored::Known,
        "blob kept"
    );
    let key = format!("n/{id}/blobs/{hash}");
    Ok(if new {
        json_response(
            StatusCode::CREATED,
            &json!({ "ok": true, "key": key, "size": size }),
        )
    } else {
        json_response(
            StatusCode::OK,
            &json!({ "ok": true, "key": key, "size": size, "deduplicated": true }),
        )
    })
}

/// Who uploads, if that caller may upload at all.
async fn uploader(app: &App, facts: &Facts) -> Result<Identity, ApiError> {
    facts.check_origin(app)?;
    let identity = app.identify(facts, Accept::PEERS).await?;
    if identity.scope.may_upload_blobs() {
        Ok(identity)
    } else {
        let refused = format!("{} cannot upload blobs", identity.scope);
        Err(ApiError::forbidden(refused))
    }
}

/// Whether that caller may upload into this notebook.
async fn may_upload(app: &App, identity: &Identity, id: &str) -> Result<(), ApiError> {
    let caller = identity.caller();
    room_tokens::may_enter(app.catalog(), &caller, id).await?;
    access::authorize(app.catalog(), &caller, id, identity.scope, Downgrade::Never).await?;
    Ok(())
}

fn unsupported() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported blob content type",
    )
}

/// Receives a body, whose bytes are written off the threads that answer requests.
async fn receive(app: &App, body: Body) -> Result<Upload, ApiError> {
    let mut upload = app.blobs().begin();
    let limit = app.config().settings.limits.blob_bytes;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("request body broke off"))?;
        if upload.size() + chunk.len() as u64 > limit {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a blob has at most {limit} bytes"),
            ));
        }
        upload.write(chunk).await?;
    }
    Ok(upload)
}

fn mismatch(expected: &str, actual: &str) -> ApiError {
    ApiError::bad_request("blob hash mismatch")
        .with("expected", expected)
        .with("actual", actual)
}

/// The media type of a request's body, when it is one that may be stored.
fn content_type(facts: &Facts) -> Option<String> {
    match facts.header("content-type") {
        Some(text) => media_type(text),
        None => facts
            .headers
            .get(header::CONTENT_TYPE)
            .is_none()
            .then(|| "application/octet-stream".into()),
    }
}

/// A media type without parameters, when it is one that may be stored (CP-315, CP-316).
fn media_type(text: &str) -> Option<String> {
    let kind = text.split(';').next()?.trim().to_ascii_lowercase();
    let (family, subtype) = kind.split_once('/')?;
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let allowed = match family {
        "audio" | "image" | "text" | "video" => true,
        "application" => {
            matches!(
                subtype,
                "octet-stream"
                    | "ecmascript"
                    | "javascript"
                    | "json"
                    | "pdf"
                    | "vnd.apache.arrow.stream"
                    | "vnd.apache.parquet"
                    | "wasm"
            ) || subtype.ends_with("+json")
        }
        _ => false,
    };
    (allowed && token(subtype)).then_some(kind)
}

#[cfg(test)]
mod tests;
