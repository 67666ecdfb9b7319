use std::collections::BTreeSet;

use http::Method;

use super::*;
use crate::testing::TestApp;

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let table = crate::routes::table();
    assert!(table.len() > 30);
    let missing: Vec<String> = table
        .iter()
        .filter(|route| described(route).is_none())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert!(
        missing.is_empty(),
        "add a line to openapi/operations.rs for: {missing:#?}"
    );
    for operation in operations::operations() {
        let served = table
            .iter()
            .any(|route| route.method.as_str() == operation.method && route.path == operation.path);
        assert!(
            served,
            "{} {} is not served",
            operation.method, operation.path
        );
    }
    let ids: BTreeSet<String> = table.iter().map(operation_id).collect();
    assert_eq!(ids.len(), table.len(), "operation ids are unique");
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let app = TestApp::without_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/openapi.json", &[], "").await;
    assert_eq!((status, &body["openapi"]), (200, &json!("3.1.0")));
    let patch = &body["paths"]["/api/n/{notebook_id}"]["patch"];
    let title =
        &patch["requestBody"]["content"]["application/json"]["schema"]["properties"]["title"];
    assert_eq!(title["maxLength"], 160);
    let names: Vec<&str> = patch["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert_eq!(names, ["notebook_id"]);
}
