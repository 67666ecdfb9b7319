//! What holds on every path: CORS on JSON, OPTIONS, request ids, well-formed escapes, limits,
//! figures, the line in the log, and that a change goes to its end.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

use super::health;
use super::paced_body::PacedBody;
use crate::app::App;
use crate::client::{self, ClientAddress};
use crate::error::ApiError;
use crate::request::percent_decode;

const ALLOW_METHODS: &str = "DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS";
const ALLOW_HEADERS: &str = "Authorization, Content-Type, X-User, X-Principal, X-Operator, \
     X-Scope, X-Viewer-Session, X-Runtime-Heads-Hash, X-Runtime-State-Doc-Id, X-Comms-Heads-Hash, \
     X-Notebook-Cloud-Auth-Provider, x-notebook-cloud-dev-token";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that is taken from a client.
const REQUEST_ID_LIMIT: usize = 128;
/// The target of the line for each request: `RUST_LOG=info,notebook_cloud::requests=debug`.
const TARGET: &str = "notebook_cloud::requests";

/// Puts the conventions around a router.
pub(super) fn apply(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(middleware::map_request(async |request: Request| {
            request.map(|body| Body::new(PacedBody::new(body)))
        }))
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .layer(middleware::from_fn_with_state(app.clone(), to_its_end))
}

/// What changes something goes to its end, also when the client goes away before the answer: a change that is durable
/// and of which rooms, sockets or the audit trail never hear would be half a change.
async fn to_its_end(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let answered = app.tasks().spawn(next.run(request)).await;
    answered.unwrap_or_else(|broken| match broken.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => ApiError::unavailable("the server stops\nHint: try again").into_response(),
    })
}

async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let client = client::settle(app.config(), &mut request);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    // Never the query: a sign-in link's token rides there.
    let path = request.uri().path();
    let span = tracing::info_span!("request", id, %method, path, client = %client.0);
    let mut response = answer(&app, client, request, next)
        .instrument(span.clone())
        .await;
    if is_json(&response) {
        cors(&mut response);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status(), started.elapsed());
    app.metrics().answered(&method, &route, status, took);
    let ms = took.as_secs_f64() * 1000.0;
    let status = status.as_u16();
    tracing::debug!(target: TARGET, parent: &span, route, status, ms, "answered");
    response
}

async fn answer(app: &App, client: ClientAddress, request: Request, next: Next) -> Response {
    // Whoever watches over the server must be answered above all when it is busy.
    if health::is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    let _place = match app.admit(client, &request) {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    if request.method() == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        cors(&mut response);
        return response;
    }
    if percent_decode(request.uri().path()).is_none() {
        return ApiError::bad_request("request path has a malformed escape").into_response();
    }
    next.run(request).await
}

/// The client's or proxy's id when it is a plain one, else an id of our own.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |text: &&str| {
        (1..=REQUEST_ID_LIMIT).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
    };
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(plain)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn cors(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(ALLOW_METHODS),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(ALLOW_HEADERS),
    );
}
