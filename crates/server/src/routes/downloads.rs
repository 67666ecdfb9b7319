//! How `runt` gets onto another machine: what this server offers, the files, and the script that installs them. All of it
//! additive, and for everybody: the machine that asks has no credential yet.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use wire::http::{Archive, DownloadsResponse, Manifest, RUNT_PACKAGE};

use super::table::Routes;
use crate::app::App;
use crate::error::{self, ApiError};
use crate::request::Facts;

/// The script, with `@CLOUD@` and `@ARCHIVES@` in the place of what differs.
const SCRIPT: &str = include_str!("downloads/install.sh");
const TEXT: &str = "text/plain; charset=utf-8";
/// How much of a file is read at a time.
const CHUNK: usize = 64 * 1024;

/// The routes of downloads.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/downloads", list)
        .get("/downloads/{file}", file)
        .get("/install.sh", install)
}

async fn list(State(app): State<App>, facts: Facts) -> Response {
    let body = DownloadsResponse {
        ok: true,
        install_script: format!("{}/install.sh", address(&app, &facts)),
        archives: app.offered().await.archives.clone(),
    };
    error::json(StatusCode::OK, &body)
}

/// A file that the manifest names, or its checksums.
async fn file(
    State(app): State<App>,
    Path(name): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    let offered = app.offered().await;
    if name == ::downloads::CHECKSUMS {
        let mut response = ::downloads::checksums(&offered).into_response();
        describe(response.headers_mut(), TEXT, None);
        return Ok(response);
    }
    let absent = || ApiError::not_found("this cloud offers no such download");
    let archive = offered.archives.iter().find(|archive| archive.file == name);
    let archive = archive.ok_or_else(absent)?;
    let tag = format!("\"{}\"", archive.sha256);
    if facts.header("if-none-match") == Some(&tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(response.headers_mut(), "application/gzip", Some(&tag));
        return Ok(response);
    }
    let path = app.downloads().folder().join(&archive.file);
    let gone = |cause: std::io::Error| {
        tracing::warn!(%cause, file = archive.file, "a download cannot be read");
        absent()
    };
    let file = File::open(&path).await.map_err(gone)?;
    let length = file.metadata().await.map_err(gone)?.len();
    let mut response = Body::from_stream(ReaderStream::with_capacity(file, CHUNK)).into_response();
    let headers = response.headers_mut();
    describe(headers, "application/gzip", Some(&tag));
    headers.insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

/// The script that installs `runt`, and with arguments pairs the machine with this cloud.
async fn install(State(app): State<App>, facts: Facts) -> Response {
    let offered = app.offered().await;
    let mut response = script(&address(&app, &facts), &offered).into_response();
    describe(response.headers_mut(), TEXT, None);
    response
}

/// Where people reach this server: what was set, else where this request reached it.
fn address(app: &App, facts: &Facts) -> String {
    let config = app.config();
    let own = facts.own.as_ref().map(ToString::to_string);
    // It goes into a script.
    let own = own.filter(|own| {
        own.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-:/[]".contains(&byte))
    });
    match own {
        Some(own) if config.settings.public_url.is_none() => own,
        _ => config.public.to_string(),
    }
}

fn script(cloud: &str, offered: &Manifest) -> String {
    let archives = offered.archives.iter();
    let lines: Vec<String> = archives
        .filter(|archive| archive.package == RUNT_PACKAGE)
        .filter_map(line)
        .collect();
    SCRIPT
        .replace("@CLOUD@", cloud)
        .replace("@ARCHIVES@", &lines.join("\n"))
}

/// `SYSTEM FILE SHA256 GLIBC`, with `-` for an archive that runs without the GNU C library.
fn line(archive: &Archive) -> Option<String> {
    let (processor, system) = archive.target.split_once('-')?;
    let system = match system {
        "apple-darwin" => "Darwin",
        system if system.starts_with("unknown-linux-") => "Linux",
        _ => return None,
    };
    let glibc = archive.glibc.as_deref().unwrap_or("-");
    let Archive { file, sha256, .. } = archive;
    Some(format!("{system}-{processor} {file} {sha256} {glibc}"))
}

/// A name stays the same while its bytes change: it is asked for each time, and the tag says whether they did.
fn describe(headers: &mut HeaderMap, kind: &str, tag: Option<&str>) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CACHE_CONTROL, "no-cache");
    if let Some(tag) = tag {
        set(header::ETAG, tag);
    }
}

#[cfg(test)]
mod tests;
