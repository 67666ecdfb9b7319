//! Reading many small blobs by one request (`wire::blob_batch`).

use std::collections::{HashMap, HashSet};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use blob_store::is_hash;
use http::{StatusCode, header};
use store::{BlobRow, Notebooks as _};
use wire::blob_batch::{self, Ask, BatchedBlob, MAX_ASK_BYTES, MAX_BLOBS, MAX_BYTES};

use super::super::body::{json_object, read_body};
use super::super::path::NotebookPath;
use super::reading::{UNTYPED, may_read};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;

/// `POST /api/n/:id/blobs/read`: to whom a `GET` of each would give it.
pub(in super::super) async fn post(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    request: Request,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    may_read(&app, &facts, &id).await?;
    let hashes = asked(&read_body(request, MAX_ASK_BYTES).await?)?;
    let rows = app.catalog().blobs_named(&id, &hashes).await?;
    let rows = fitting(&hashes, rows);
    let named = rows.iter().map(|row| (row.hash.clone(), size(row)));
    let found = app.blobs().together(named.collect()).await?;
    let blobs = rows.into_iter().zip(found).filter_map(|(row, bytes)| {
        Some(BatchedBlob {
            bytes: bytes?,
            media_type: kind(&row).to_owned(),
            hash: row.hash,
        })
    });
    let blobs: Vec<_> = blobs.collect();
    let headers = [
        (header::CONTENT_TYPE, blob_batch::MEDIA_TYPE),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((StatusCode::OK, headers, blob_batch::encode(&blobs)).into_response())
}

/// The hashes of a request, each once, in order.
fn asked(body: &[u8]) -> Result<Vec<String>, ApiError> {
    let object = json_object(body, "request body")?;
    let ask: Ask = serde_json::from_value(object.into())
        .map_err(|_| ApiError::bad_request("hashes must be a list of texts"))?;
    if ask.hashes.len() > MAX_BLOBS {
        let refused = format!("at most {MAX_BLOBS} blobs are read at once");
        return Err(ApiError::bad_request(refused));
    }
    if !ask.hashes.iter().all(|hash| is_hash(hash)) {
        return Err(ApiError::bad_request("a hash has 64 lower-case hex digits"));
    }
    let mut seen = HashSet::new();
    let mut hashes = ask.hashes;
    hashes.retain(|hash| seen.insert(hash.clone()));
    Ok(hashes)
}

/// What the answer may hold, in the order asked for.
fn fitting(hashes: &[String], rows: Vec<BlobRow>) -> Vec<BlobRow> {
    let mut rows: HashMap<String, BlobRow> = rows
        .into_iter()
        .map(|row| (row.hash.clone(), row))
        .collect();
    let mut room = MAX_BYTES;
    let mut fits = |row: &BlobRow| {
        let size = size(row);
        if size > blob_batch::MAX_READ_BYTES {
            return false;
        }
        let taken = blob_batch::record_bytes(&row.hash, kind(row), size as usize);
        let left = taken.and_then(|taken| room.checked_sub(taken));
        room = left.unwrap_or(room);
        left.is_some()
    };
    let rows = hashes.iter().filter_map(|hash| rows.remove(hash));
    rows.filter(|row| fits(row)).collect()
}

fn size(row: &BlobRow) -> u64 {
    u64::try_from(row.size_bytes).unwrap_or_default()
}

fn kind(row: &BlobRow) -> &str {
    row.content_type.as_deref().unwrap_or(UNTYPED)
}
