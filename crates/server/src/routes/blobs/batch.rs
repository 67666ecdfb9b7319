//! Many small blobs by one request (`wire::blob_batch`): checked, written and recorded as each alone would be.

use axum::extract::{Request, State};
use axum::response::Response;
use blob_store::Blob;
use futures_util::future::try_join_all;
use http::StatusCode;
use serde_json::json;
use store::{BlobRow, Notebooks as _};
use wire::blob_batch::{self, BatchedBlob, MAX_BYTES};

use super::super::path::NotebookPath;
use super::{may_upload, media_type, mismatch, unsupported, uploader};
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::request::Facts;

/// `POST /api/n/:id/blobs`: answers when all are durable; refuses all when one is not what its name says.
pub(in super::super) async fn post(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    let identity = uploader(&app, &facts).await?;
    if facts.header("content-type") != Some(blob_batch::MEDIA_TYPE) {
        return Err(unsupported());
    }
    may_upload(&app, &identity, &id).await?;
    let body = axum::body::to_bytes(request.into_body(), MAX_BYTES)
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body of many blobs has at most {MAX_BYTES} bytes"),
            )
        })?;
    let blobs =
        blob_batch::decode(body).map_err(|cause| ApiError::bad_request(cause.to_string()))?;
    let rows = blobs
        .iter()
        .map(|blob| row(&app, &id, blob))
        .collect::<Result<Vec<_>, _>>()?;
    let blobs = tokio::task::spawn_blocking(move || named(blobs))
        .await
        .map_err(ApiError::internal)??;
    app.blobs().keep_all(blobs).await?;
    // What waits together is recorded by one statement.
    try_join_all(rows.iter().map(|row| app.catalog().record_blob(row))).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({ "ok": true, "stored": rows.len() }),
    ))
}

fn row(app: &App, id: &str, blob: &BatchedBlob) -> Result<BlobRow, ApiError> {
    Ok(BlobRow {
        notebook_id: id.to_owned(),
        hash: blob.hash.clone(),
        size_bytes: i64::try_from(blob.bytes.len()).unwrap_or(i64::MAX),
        content_type: Some(media_type(&blob.media_type).ok_or_else(unsupported)?),
        uploaded_ms: app.now_ms(),
    })
}

/// Names the bodies and refuses all when one is not what its name says.
fn named(blobs: Vec<BatchedBlob>) -> Result<Vec<Blob>, ApiError> {
    let name = |BatchedBlob { hash, bytes, .. }| {
        let blob = Blob::of(bytes);
        if blob.hash() == hash {
            Ok(blob)
        } else {
            Err(mismatch(&hash, blob.hash()))
        }
    };
    blobs.into_iter().map(name).collect()
}
