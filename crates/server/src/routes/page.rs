//! The page and its files, and the one document that the output host serves (D9, CP 3.16).

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::json;
use tower::{ServiceExt as _, service_fn};
use tower_http::compression::Compression;

use super::sign_in::add_cookie;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::session;
use crate::request::Facts;

/// The built page; empty when it was not built.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

const FRAME: &str = "output-frame.html";
/// The documents that show widgets and charts, and the folder of their files.
const LOADING_FRAMES: [&str; 2] = [
    "frames/widget-frame/frame.html",
    "frames/chart-frame/frame.html",
];
const FRAME_FILES: &str = "frames/assets/";
const NOT_BUILT: &str = "notebook-cloud is running, but its page was not built into it.\n\
     Hint: run `npm install --no-save && npm run build` in the folder `web`, then build notebook-cloud again;\n\
     or start everything with `cargo xtask up`. The API works without the page.\n";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `GET /api/config`: what the page must know before anybody is signed in.
pub(super) async fn config(State(app): State<App>) -> Response {
    let config = app.config();
    let mut response = Json(json!({
        "output_origin": config.output.as_ref().map(ToString::to_string),
        "version": env!("CARGO_PKG_VERSION"),
        "dev_identity": config.dev_identity,
        "provider_sign_in": config.oidc.as_ref().map(|_| "/oidc/sign-in"),
    }))
    .into_response();
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// The page, at each of its addresses.
pub(super) async fn index(State(app): State<App>, facts: Facts) -> Response {
    let Some(file) = Dist::get("index.html") else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            NOT_BUILT,
        )
            .into_response();
    };
    let mut response = file_response(file, "text/html; charset=utf-8", "no-cache");
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        &page_policy(&app),
    );
    set(
        &mut response,
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    if let Some(cookie) = session::renewal(&app, &facts).await {
        add_cookie(&mut response, &cookie);
    }
    response
}

/// Files of the page: hashed names are kept for ever, others are asked for each time.
pub(super) async fn file(facts: Facts) -> Response {
    let path = facts.uri.path().trim_start_matches('/');
    let file = match path {
        FRAME | "index.html" => None,
        path => Dist::get(path),
    };
    let Some(file) = file else {
        return ApiError::not_found("not found").into_response();
    };
    let cache = if path.starts_with("assets/") {
        IMMUTABLE
    } else {
        "no-cache"
    };
    file_response(file, content_type(path), cache)
}

/// Requests to the output host get the frame documents and the files that they load, and nothing else: no API, no cookie.
/// Who typed its name for the page's (`localhost`) is led there; a program is told.
pub(super) async fn output_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let facts = Facts::new(&app, request.method(), request.uri(), request.headers());
    let is_output = app.config().output.as_ref().is_some_and(|output| {
        facts.own.as_ref().map(crate::origin::Origin::host) == Some(output.host())
    });
    if !is_output {
        return next.run(request).await;
    }
    // Nothing here depends on who asks, so that it may be compressed.
    let answer = service_fn(|_| std::future::ready(Ok::<_, Infallible>(output_file(&app, &facts))));
    let Ok(response) = Compression::new(answer).oneshot(request).await;
    response.map(Body::new)
}

fn output_file(app: &App, facts: &Facts) -> Response {
    let path = facts.uri.path().trim_start_matches('/');
    let is_frame_file = path
        .strip_prefix(FRAME_FILES)
        .is_some_and(|name| !name.contains('/'));
    let is_loading = LOADING_FRAMES.contains(&path);
    let readable = matches!(facts.method, Method::GET | Method::HEAD);
    let is_known = is_frame_file || is_loading || path == FRAME;
    let Some(file) = (readable && is_known).then(|| Dist::get(path)).flatten() else {
        return elsewhere(app, facts);
    };
    if is_frame_file {
        let mut response = file_response(file, content_type(path), IMMUTABLE);
        // The frame's origin is opaque: to it these files are another's.
        set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        return response;
    }
    let mut response = file_response(file, "text/html; charset=utf-8", "no-cache");
    // Only what shows widgets and charts loads anything, and that from this host.
    let own = app.config().output.as_ref().filter(|_| is_loading);
    let own = own.map(ToString::to_string).unwrap_or_default();
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        &format!(
            "sandbox allow-scripts; default-src 'none'; \
             script-src {own} 'unsafe-inline' 'unsafe-eval' data: blob:; \
             style-src {own} 'unsafe-inline' data:; img-src data: blob:; font-src {own} data:; \
             media-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors {}",
            app.config().public
        ),
    );
    response
}

/// What somebody is told who wants something else of the output host than what it has.
fn elsewhere(app: &App, facts: &Facts) -> Response {
    let public = &app.config().public;
    let path = facts.uri.path();
    let is_api = path.starts_with("/api/") || path.ends_with("/sync") || path.ends_with("/sync/");
    if is_api {
        let (output, status) = (
            app.config().output.as_ref(),
            StatusCode::MISDIRECTED_REQUEST,
        );
        let here = output.map_or_else(|| "this address".to_owned(), ToString::to_string);
        return ApiError::new(
            status,
            format!("{here} shows outputs only\nHint: use {public}"),
        )
        .into_response();
    }
    if is_navigation(facts) {
        let rest = facts.uri.path_and_query().map_or("/", |rest| rest.as_str());
        let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
        set(&mut response, header::LOCATION, &format!("{public}{rest}"));
        set(&mut response, header::CACHE_CONTROL, "no-store");
        // A sign-in link's token may be in the address.
        set(&mut response, header::REFERRER_POLICY, "no-referrer");
        return response;
    }
    ApiError::not_found("not found")
        .with(
            "hint",
            format!("this address shows outputs only; use {public}"),
        )
        .into_response()
}

/// Whether a person follows an address in a window of their own; what an output's frame loads does not count.
fn is_navigation(facts: &Facts) -> bool {
    let wants_page = facts
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"));
    let is_window = facts
        .header("sec-fetch-dest")
        .is_none_or(|destination| destination == "document");
    matches!(facts.method, Method::GET | Method::HEAD) && wants_page && is_window
}

/// Only our own code runs on the page; only the output host may be framed by it.
fn page_policy(app: &App) -> String {
    let config = app.config();
    let socket = if config.public.is_https() {
        "wss"
    } else {
        "ws"
    };
    let frames = config
        .output
        .as_ref()
        .map_or_else(|| "'none'".to_owned(), ToString::to_string);
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob:; \
         connect-src 'self' {socket}://{}; worker-src 'self'; frame-src {frames}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        config.public.authority()
    )
}

fn file_response(file: EmbeddedFile, kind: &str, cache: &str) -> Response {
    let mut response = file.data.into_response();
    set(&mut response, header::CONTENT_TYPE, kind);
    set(&mut response, header::CACHE_CONTROL, cache);
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
