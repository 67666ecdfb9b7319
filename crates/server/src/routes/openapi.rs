//! `GET /api/openapi.json`: the HTTP surface as an OpenAPI 3.1 document.
//!
//! Paths and methods come from the router's own table, so that the document cannot name a route
//! that is not served or leave one out; what each is for and takes stands in `operations`, and a
//! test fails when a route has no entry there, or an entry no route.

mod operations;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::table::{Route, Routes};
use crate::app::App;
use crate::error::json as json_response;
use operations::{Body, Field, Kind, Operation};

/// Headers that say who asks and for what, on every route (CP 1.5).
const HEADERS: &[(&str, &str)] = &[
    (
        "X-Scope",
        "The scope asked for: viewer, editor, runtime_peer or owner.",
    ),
    ("X-Operator", "Which client acts, `<kind>:<id>`."),
    ("X-User", "Development identity: a user's name."),
    ("X-Principal", "Development identity: a principal."),
    ("X-Viewer-Session", "Names an anonymous viewer's session."),
    (
        "X-Request-Id",
        "Comes back in the answer and stands in the log.",
    ),
];

/// The route of the document.
pub(super) fn routes() -> Routes {
    Routes::new().get("/api/openapi.json", serve)
}

async fn serve(State(app): State<App>) -> Response {
    let public = app.config().public.to_string();
    json_response(StatusCode::OK, &document(&super::table(), &public))
}

/// The document for a table of routes, served at an address.
fn document(table: &[Route], public: &str) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in table {
        let path = route.path.replace("{*", "{");
        let item = paths.entry(path).or_default();
        item.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "notebook-cloud",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Your own notebook cloud. Errors are a JSON object whose `error` says \
                what happened; the status says of which kind. 429 and 503 carry Retry-After.",
        },
        "servers": [{ "url": public }],
        "paths": paths,
        "components": {
            "schemas": { "Error": {
                "type": "object",
                "required": ["error"],
                "properties": { "error": { "type": "string" } },
            } },
            "parameters": header_parameters(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer",
                    "description": "An API token, a provider's token, or a workstation credential." },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-nteract_cloud_app_session",
                    "description": "The browser's session." },
            },
        },
        "security": [{}, { "bearer": [] }, { "session": [] }],
    })
}

fn header_parameters() -> Map<String, Value> {
    let one = |(name, description): &(&str, &str)| {
        let value = json!({ "name": name, "in": "header", "required": false,
            "description": description, "schema": { "type": "string" } });
        ((*name).to_owned(), value)
    };
    HEADERS.iter().map(one).collect()
}

fn described(route: &Route) -> Option<&'static Operation> {
    operations::operations()
        .find(|operation| operation.method == route.method.as_str() && operation.path == route.path)
}

fn operation(route: &Route) -> Value {
    let described = described(route);
    let mut parameters: Vec<Value> = HEADERS
        .iter()
        .map(|(name, _)| json!({ "$ref": format!("#/components/parameters/{name}") }))
        .collect();
    parameters.extend(path_parameters(route.path).map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    }));
    let query = described.map_or(&[][..], |operation| operation.query);
    parameters.extend(
        query
            .iter()
            .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } })),
    );
    let mut value = json!({
        "operationId": operation_id(route),
        "summary": described.map_or("", |operation| operation.summary),
        "parameters": parameters,
        "responses": {
            "2XX": { "description": "What was asked for." },
            "3XX": { "description": "Another address." },
            "default": {
                "description": "Refused; `error` says why.",
                "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    });
    if let Some(body) = described.and_then(|operation| body(&operation.body)) {
        value["requestBody"] = body;
    }
    value
}

/// The names between braces, in order.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.trim_start_matches('*'))
    })
}

/// `get /api/n/{notebook_id}/acl` is `get_api_n_notebook_id_acl`.
fn operation_id(route: &Route) -> String {
    let path: String = route
        .path
        .chars()
        .filter(|c| !"{}*".contains(*c))
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{}{path}", route.method.as_str().to_ascii_lowercase())
}

fn body(body: &Body) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Bytes => Some(json!({
            "required": true,
            "content": { "application/octet-stream": {
                "schema": { "type": "string", "format": "binary" } } },
        })),
        Body::Json(fields) => Some(json!({
            "required": false,
            "content": { "application/json": { "schema": object(fields) } },
        })),
    }
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), schema(&field.kind)))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema(kind: &Kind) -> Value {
    match kind {
        Kind::Text(most) => json!({ "type": ["string", "null"], "maxLength": most }),
        Kind::Whole => json!({ "type": ["integer", "null"], "minimum": 0 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
        Kind::Object => json!({ "type": ["object", "null"] }),
        Kind::Hashes(most) => json!({ "type": "array", "maxItems": most,
            "items": { "type": "string", "pattern": "^[0-9a-f]{64}$" } }),
        Kind::Objects(fields) => json!({ "type": "array", "items": object(fields) }),
    }
}

#[cfg(test)]
mod tests;
