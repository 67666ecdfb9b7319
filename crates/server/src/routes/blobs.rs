//! Blobs: content-addressed bytes of one notebook (CP 3.10).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use control_plane::access::{self, Downgrade};
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use store::{BlobRow, Notebooks as _};
use store_sqlite::{Stored, Upload};
use tokio_util::io::ReaderStream;
use wire::Scope;

use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// The most bytes of one blob.
const BLOB_LIMIT: u64 = 256 * 1024 * 1024;
/// What a browser may do with a blob it is led to directly: show it, without script or origin.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

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
        Method::GET | Method::HEAD => read(&app, &facts, &id, &hash).await,
        Method::PUT => write(&app, &facts, &id, &hash, request.into_body()).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn read(app: &App, facts: &Facts, id: &str, hash: &str) -> Result<Response, ApiError> {
    let caller = app.identify(facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, id, Scope::Viewer, Downgrade::Never).await?;
    let absent = || ApiError::not_found("blob not found");
    let row = app
        .catalog()
        .blob(id, hash)
        .await
        .map_err(ApiError::internal)?
        .ok_or_else(absent)?;
    let file = app.blobs().read(hash).map_err(|_| absent())?;
    let size = file.metadata().map_err(ApiError::internal)?.len();
    let kind = row
        .content_type
        .unwrap_or_else(|| "application/octet-stream".into());
    let body = if facts.method == Method::HEAD {
        Body::empty()
    } else {
        Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file)))
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, size.into());
    for (name, value) in [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::ETAG, &format!("\"{hash}\"")),
        // Only somebody who may read the notebook was given it: shared caches must not keep it.
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

async fn write(
    app: &App,
    facts: &Facts,
    id: &str,
    hash: &str,
    body: Body,
) -> Result<Response, ApiError> {
    facts.check_origin(app)?;
    let identity = app.identify(facts, Accept::MACHINES).await?;
    if !identity.scope.may_upload_blobs() {
        return Err(ApiError::forbidden(format!(
            "{} cannot upload blobs",
            identity.scope
        )));
    }
    let kind = content_type(facts).ok_or_else(|| {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported blob content type",
        )
    })?;
    // Whoever may not write here is told before a byte is stored.
    access::authorize(
        app.catalog(),
        &identity.caller(),
        id,
        identity.scope,
        Downgrade::Never,
    )
    .await?;
    let upload = receive(app, body).await?;
    let actual = upload.hash();
    if actual != hash {
        return Err(ApiError::bad_request("blob hash mismatch")
            .with("expected", hash)
            .with("actual", actual));
    }
    let size = upload.size();
    let stored = tokio::task::spawn_blocking(move || upload.keep())
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    let new = app
        .catalog()
        .record_blob(&BlobRow {
            notebook_id: id.to_owned(),
            hash: hash.to_owned(),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            content_type: Some(kind),
            uploaded_ms: app.now_ms(),
        })
        .await
        .map_err(ApiError::internal)?;
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

/// Streams a body into an upload, off the threads that answer requests.
async fn receive(app: &App, body: Body) -> Result<Upload, ApiError> {
    let mut upload = app.blobs().begin().map_err(ApiError::internal)?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("request body broke off"))?;
        if upload.size() + chunk.len() as u64 > BLOB_LIMIT {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a blob has at most {BLOB_LIMIT} bytes"),
            ));
        }
        upload = tokio::task::spawn_blocking(move || upload.write(&chunk).map(|()| upload))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::internal)?;
    }
    Ok(upload)
}

/// The media type without parameters, when it is one that may be stored (CP-315, CP-316).
fn content_type(facts: &Facts) -> Option<String> {
    let Some(text) = facts.header("content-type") else {
        return facts
            .headers
            .get(header::CONTENT_TYPE)
            .is_none()
            .then(|| "application/octet-stream".into());
    };
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
