//! The character NUL, which PostgreSQL cannot store, is refused in plain words on both databases.

use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const PERSON: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];

#[tokio::test]
async fn nul_in_a_text_is_refused_and_nothing_is_stored() {
    let app = TestApp::with_dev_identity().await;
    let (_, made) = app.call(Method::POST, "/api/n", &PERSON, "{}").await;
    let id = made["notebook_id"].as_str().unwrap();
    let row = json!({"subject_kind": "principal", "subject": "user:dev:b\0b", "scope": "viewer"});
    let station = json!({"workstation_id": "ws", "display_name": "a\0b"});
    let asked = [
        (Method::POST, "/api/n".to_owned(), json!({"title": "a\0b"})),
        (Method::GET, "/api/n/a%00b".to_owned(), Value::Null),
        (
            Method::PATCH,
            format!("/api/n/{id}"),
            json!({"title": "a\0b"}),
        ),
        (Method::POST, format!("/api/n/{id}/acl"), row),
        (
            Method::GET,
            format!("/api/n/{id}/revisions/a%00b"),
            Value::Null,
        ),
        (
            Method::POST,
            "/api/auth/tokens".to_owned(),
            json!({"name": "a\0b", "scope": "viewer"}),
        ),
        (Method::POST, "/api/workstations".to_owned(), station),
        (
            Method::GET,
            "/api/workstations/a%00b/attach-jobs".to_owned(),
            Value::Null,
        ),
        (
            Method::POST,
            "/api/workstations/pairing-codes".to_owned(),
            json!({"machine_name": "a\0b"}),
        ),
        (
            Method::POST,
            "/api/workstations/pairing-codes/redeem".to_owned(),
            json!({"code": "ABCD", "machine_name": "a\0b"}),
        ),
    ];
    for (method, path, body) in asked {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, answer) = app.call(method.clone(), &path, &PERSON, body).await;
        let text = answer["error"].as_str().unwrap_or_default();
        // No id holds it: an address with it is nothing's.
        let expected = if method == Method::GET { 404 } else { 400 };
        assert!(
            (status == expected || status == 400) && !text.is_empty(),
            "{method} {path}: {status} {answer}"
        );
    }
    let (_, list) = app.call(Method::GET, "/api/n", &PERSON, "").await;
    assert_eq!(list["notebooks"].as_array().unwrap().len(), 1, "{list}");
}
