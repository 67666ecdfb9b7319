//! What holds on every path: CORS on JSON, OPTIONS, request ids, well-formed escapes, the host
//! that serves outputs and nothing else.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::request::{Facts, percent_decode};

const ALLOW_METHODS: &str = "DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS";
const ALLOW_HEADERS: &str = "Authorization, Content-Type, X-User, X-Principal, X-Operator, \
     X-Scope, X-Viewer-Session, X-Runtime-Heads-Hash, X-Runtime-State-Doc-Id, X-Comms-Heads-Hash, \
     X-Notebook-Cloud-Auth-Provider, x-notebook-cloud-dev-token";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the conventions around a router.
pub(super) fn apply(router: Router<App>, app: &App) -> Router<App> {
    router.layer(middleware::from_fn_with_state(app.clone(), around))
}

async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let facts = Facts::new(&app, request.method(), request.uri(), request.headers());
    let id = Uuid::now_v7().to_string();
    let mut response = if facts.method == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        cors(&mut response);
        response
    } else if percent_decode(facts.uri.path()).is_none() {
        ApiError::bad_request("request path has a malformed escape").into_response()
    } else {
        next.run(request).await
    };
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
    tracing::debug!(
        id,
        method = %facts.method,
        path = facts.uri.path(),
        status = response.status().as_u16(),
        "answered"
    );
    response
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
