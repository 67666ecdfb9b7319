use http::Method;
use serde_json::{Value, json};
use store_sql::testing::TestDatabase;

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];
const EVE: [(&str, &str); 2] = [("x-user", "eve"), ("x-scope", "owner")];

async fn create(app: &TestApp, body: Value) -> Value {
    let (status, answer) = app
        .call(Method::POST, "/api/n", &ADA, body.to_string())
        .await;
    assert_eq!(status, 201, "{answer}");
    answer
}

// CP-259
#[tokio::test]
async fn only_owners_create() {
    let app = TestApp::with_dev_identity().await;
    for headers in [&[("x-user", "ada")][..], &[]] {
        let (status, body) = app.call(Method::POST, "/api/n", headers, "").await;
        assert_eq!(status, 403);
        assert_eq!(body["error"], "viewer cannot create notebooks");
    }
}

// CP-260, CP-261, CP-262, CP-264
#[tokio::test]
async fn titles_and_addresses_of_a_new_notebook() {
    let app = TestApp::with_dev_identity().await;
    let bare = create(&app, json!({})).await;
    assert_eq!(bare["title"], Value::Null);
    assert!(bare["viewer_url"].as_str().unwrap().ends_with("/notebook"));
    assert_eq!(bare["notebook_id"].as_str().unwrap().len(), 26);
    let named = create(&app, json!({"source_notebook_name": "a.ipynb"})).await;
    assert_eq!(named["title"], "a.ipynb");
    let vain = create(&app, json!({"title": "A b", "vanity_name": "x y"})).await;
    assert!(vain["viewer_url"].as_str().unwrap().ends_with("/x%20y"));
    assert_eq!(vain["title"], "A b");
}

// CP-263
#[tokio::test]
async fn a_body_counts_when_its_type_says_json() {
    let app = TestApp::with_dev_identity().await;
    let (status, body) = app.call(Method::POST, "/api/n", &ADA, "{").await;
    assert_eq!(status, 400);
    assert_eq!(body["error"], "request body must be valid JSON");
    let (status, _) = app.call(Method::POST, "/api/n", &ADA[..2], "{").await;
    assert_eq!(status, 201);
}

// CP-265, CP-275, CP-276, CP-277
#[tokio::test]
async fn who_may_see_a_notebook() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({})).await["notebook_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/n/{id}");
    let (_, body) = app.call(Method::GET, &path, &ADA[..1], "").await;
    assert_eq!(body["access"]["scope"], "owner");
    assert_eq!(body["notebook"]["owner_principal"], "user:dev:ada");
    let (status, body) = app.call(Method::GET, &path, &[], "").await;
    assert_eq!(
        (status, &body["error"]),
        (404, &json!("notebook not found"))
    );
    let (status, body) = app.call(Method::GET, &path, &EVE, "").await;
    assert_eq!(status, 403);
    assert_eq!(body["error"], format!("user:dev:eve cannot access {id}"));
    let public = json!({"subject_kind": "public", "subject": "anonymous", "scope": "viewer"});
    let acl = format!("{path}/acl");
    let (status, _) = app.call(Method::POST, &acl, &ADA, public.to_string()).await;
    assert_eq!(status, 201);
    for headers in [&EVE[..], &[]] {
        let (status, body) = app.call(Method::GET, &path, headers, "").await;
        assert_eq!((status, &body["access"]["scope"]), (200, &json!("viewer")));
    }
}

// CP-267, CP-268, CP-270
#[tokio::test]
async fn the_list_needs_a_person_and_counts_everything() {
    let app = TestApp::with_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/n", &[], "").await;
    assert_eq!(
        (status, &body["error"]),
        (401, &json!("sign in to list notebooks"))
    );
    let (status, body) = app.call(Method::GET, "/api/n?limit=0", &[], "").await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("limit must be a positive integer"))
    );
    for _ in 0..3 {
        create(&app, json!({})).await;
    }
    let (status, body) = app.call(Method::GET, "/api/n?limit=2", &ADA[..1], "").await;
    assert_eq!(status, 200);
    assert_eq!(body["notebooks"].as_array().unwrap().len(), 2);
    assert_eq!(body["total_count"], 3);
    let row = body["notebooks"][0].as_object().unwrap();
    assert_eq!(row["compute_session"], Value::Null);
    assert!(!row.contains_key("peers") && !row.contains_key("composition"));
}

// CP-278, CP-279
#[tokio::test]
async fn renaming() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({"title": "Old"})).await["notebook_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/n/{id}");
    let patch = async |body: Value| app.call(Method::PATCH, &path, &ADA, body.to_string()).await;
    let (status, body) = patch(json!({"title": " New "})).await;
    assert_eq!((status, &body["title"]), (200, &json!("New")));
    assert_eq!(patch(json!({})).await.1["error"], "title is required");
    assert_eq!(
        patch(json!({"title": "x".repeat(161)})).await.1["error"],
        "title is too long"
    );
    let (status, body) = patch(json!({"title": " "})).await;
    assert_eq!((status, &body["title"]), (200, &Value::Null));
    let grant = json!({"subject_kind": "principal", "subject": "user:dev:eve", "scope": "viewer"});
    app.call(
        Method::POST,
        &format!("{path}/acl"),
        &ADA,
        grant.to_string(),
    )
    .await;
    let headers = [("x-user", "eve"), ("content-type", "application/json")];
    let (status, _) = app
        .call(Method::PATCH, &path, &headers, "{\"title\":\"E\"}")
        .await;
    assert_eq!(status, 403);
}

// RP-003; a notebook id with a slash, however it is written, is refused.
#[tokio::test]
async fn a_notebook_id_has_no_slash() {
    let app = TestApp::with_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/n/a%2Fb", &ADA, "").await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("notebook id cannot contain '/'"))
    );
    let (status, _) = app.call(Method::GET, "/api/n/a/b", &ADA, "").await;
    assert_eq!(status, 404);
    let (status, _) = app.call(Method::GET, "/api/n/%zz", &ADA, "").await;
    assert_eq!(status, 400);
}

// CP-073
#[tokio::test]
async fn a_foreign_page_cannot_create() {
    let app = TestApp::with_dev_identity().await;
    let mut headers = ADA.to_vec();
    headers.push(("origin", "null"));
    let (status, body) = app.call(Method::POST, "/api/n", &headers, "{}").await;
    assert_eq!(
        (status, &body["error"]),
        (403, &json!("request origin is not allowed"))
    );
}

// CP-089, CP-090
#[tokio::test]
async fn options_and_json_carry_cors() {
    let app = TestApp::with_dev_identity().await;
    let options = crate::testing::request(Method::OPTIONS, "/any/where", &[], "");
    let response = app.send(options).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    for path in ["/api/health", "/nowhere", "/api/n"] {
        let response = app
            .send(crate::testing::request(Method::GET, path, &[], ""))
            .await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "*",
            "{path}"
        );
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{path}"
        );
    }
}

// CP-331
#[tokio::test]
async fn health_needs_nobody() {
    let app = TestApp::without_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/health", &[], "").await;
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    assert_eq!(body["auth"]["oidc"]["status"], "disabled");
}

#[tokio::test]
async fn a_notebook_whose_content_cannot_be_stored_is_not_made() {
    let app = TestApp::with_dev_identity().await;
    let first = create(&app, json!({})).await["notebook_id"].clone();
    let database = TestDatabase::of(&app.config().data).await;
    let broken = "ALTER TABLE document_change RENAME TO elsewhere";
    database.execute("documents", broken).await.unwrap();
    let cell = json!({"cell_type": "code", "id": "a", "source": "1", "outputs": []});
    let body = json!({"content": {"cells": [cell]}}).to_string();
    let (status, answer) = app.call(Method::POST, "/api/n", &ADA, body).await;
    assert!(status >= 500, "{status} {answer}");
    let (_, listed) = app.call(Method::GET, "/api/n", &ADA, "").await;
    let ids = listed["notebooks"].as_array().unwrap().iter();
    let ids: Vec<&Value> = ids.map(|notebook| &notebook["notebook_id"]).collect();
    assert_eq!(ids, [&first], "{listed}");
}
