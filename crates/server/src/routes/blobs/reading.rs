//! Reading a blob: whole or a part of it, or only whether it is still the same (RFC 9110).

use std::ops::{Range, RangeInclusive};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use blob_store::{BlobError, BlobStore, SMALL};
use control_plane::access::{self, Downgrade};
use control_plane::room_tokens;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use store::Notebooks as _;
use wire::Scope;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Accept;
use crate::request::Facts;

/// What a browser may do with a blob it is led to directly: show it, without script or origin.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// The type of a blob that was stored without one.
pub(super) const UNTYPED: &str = "application/octet-stream";

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// Everything.
    Whole,
    /// The bytes from the first to the last.
    Part(RangeInclusive<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// Whether the caller may read the blobs of this notebook.
pub(super) async fn may_read(app: &App, facts: &Facts, id: &str) -> Result<(), ApiError> {
    let caller = app.identify(facts, Accept::READERS).await?.caller();
    room_tokens::may_enter(app.catalog(), &caller, id).await?;
    // A runtime peer, which alone comes with a credential, brings its kernel what people put into widgets.
    let scope = match caller.credential {
        Some(_) => Scope::RuntimePeer,
        None => Scope::Viewer,
    };
    access::authorize(app.catalog(), &caller, id, scope, Downgrade::Never).await?;
    Ok(())
}

/// `GET` and `HEAD` of a blob.
pub(super) async fn read(
    app: &App,
    facts: &Facts,
    id: &str,
    hash: &str,
) -> Result<Response, ApiError> {
    may_read(app, facts, id).await?;
    let absent = || ApiError::not_found("blob not found");
    let row = app.catalog().blob(id, hash).await?.ok_or_else(absent)?;
    let etag = format!("\"{hash}\"");
    let kind = row.content_type.unwrap_or_else(|| UNTYPED.into());
    if has(facts, &header::IF_NONE_MATCH, &etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(response.headers_mut(), &kind, &etag);
        return Ok(response);
    }
    let size = u64::try_from(row.size_bytes).unwrap_or_default();
    let wanted = wanted(asked(facts, &etag).as_deref(), size);
    let (status, bytes) = match &wanted {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, *part.start()..part.end() + 1),
        Wanted::Nothing => {
            let mut response = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                format!("the blob has {size} bytes; the requested range is behind its end"),
            )
            .into_response();
            set(
                response.headers_mut(),
                &header::CONTENT_RANGE,
                &format!("bytes */{size}"),
            );
            return Ok(response);
        }
    };
    let length = bytes.end - bytes.start;
    let head = facts.method == Method::HEAD;
    let body = open(app.blobs(), hash, bytes, head).await;
    let body = body.map_err(|cause| match cause {
        BlobError::Absent => absent(),
        cause => cause.into(),
    })?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    describe(headers, &kind, &etag);
    headers.insert(header::CONTENT_LENGTH, length.into());
    if let Wanted::Part(part) = wanted {
        let range = format!("bytes {}-{}/{size}", part.start(), part.end());
        set(headers, &header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

fn describe(headers: &mut HeaderMap, kind: &str, etag: &str) {
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, etag),
        (header::ACCEPT_RANGES, "bytes"),
        // Only somebody who may read the notebook was given it: shared caches must not keep it.
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
    ] {
        set(headers, &name, value);
    }
}

pub(super) fn set(headers: &mut HeaderMap, name: &http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whether a header lists the tag, or anything; weak and strong compare alike here.
pub(in crate::routes) fn has(facts: &Facts, name: &http::HeaderName, etag: &str) -> bool {
    facts.headers.get_all(name).iter().any(|value| {
        let Ok(text) = value.to_str() else {
            return false;
        };
        text.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// The `Range` header, where it counts: on GET, and with `If-Range` only if that is our tag. A date
/// in `If-Range` never is: a blob has no date, and its name changes with its bytes.
fn asked(facts: &Facts, etag: &str) -> Option<String> {
    if facts.method != Method::GET {
        return None;
    }
    if facts.headers.contains_key(header::IF_RANGE) && facts.header("if-range") != Some(etag) {
        return None;
    }
    facts.header("range").map(str::to_owned)
}

/// Reads a range against a size. What is malformed, or asks for several parts, is answered with
/// everything, as RFC 9110 allows (14.2).
fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let Some(parsed) = range.and_then(|text| http_range_header::parse_range_header(text).ok())
    else {
        return Wanted::Whole;
    };
    if parsed.ranges.len() != 1 {
        return Wanted::Whole;
    }
    match parsed.validate(size) {
        Ok(parts) => parts.into_iter().next().map_or(Wanted::Whole, Wanted::Part),
        Err(_) => Wanted::Nothing,
    }
}

/// The bytes of a blob; few are read at once, many while they are sent. HEAD only asks whether they are there.
pub(super) async fn open(
    blobs: &BlobStore,
    hash: &str,
    part: Range<u64>,
    head: bool,
) -> Result<Body, BlobError> {
    if head {
        blobs.size(hash).await?;
        return Ok(Body::empty());
    }
    Ok(if part.end - part.start <= SMALL {
        blobs.part(hash, part).await?.into()
    } else {
        Body::from_stream(blobs.read(hash, part).await?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_when_it_is_one_and_sound() {
        for (range, expected) in [
            ("bytes=0-3", Wanted::Part(0..=3)),
            ("bytes=8-", Wanted::Part(8..=9)),
            ("bytes=-4", Wanted::Part(6..=9)),
            ("bytes=2-99", Wanted::Part(2..=9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=5-2", Wanted::Nothing),
            ("lines=0-3", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(range), 10), expected, "{range}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }
}
