use control_plane::people::{self, Profile};
use documents::CommentsDoc;
use documents::comments::{Anchor, NewMessage};
use http::Method;
use serde_json::{Value, json};
use store::document_log::{AppendBatch, DocumentKind, DocumentLog as _, RoomKey};

use crate::testing::TestApp;

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];

/// Writes a thread as `label`.
fn comment(doc: &mut CommentsDoc, label: &str) {
    doc.set_actor(label);
    let message = NewMessage {
        id: label,
        body: "?",
        created_at: "2026-06-12T10:26:40.000Z",
    };
    doc.create_thread(label, &Anchor::Notebook, "", None, &message)
        .unwrap();
}

async fn signed_in(app: &TestApp, name: &str, shown: &str) {
    let profile = Profile {
        principal: format!("user:dev:{name}"),
        namespace: "user:dev".into(),
        provider: people::OIDC,
        display_name: Some(shown.into()),
        email: None,
    };
    people::signed_in(app.catalog(), &profile, app.now_ms())
        .await
        .unwrap();
}

async fn profiles(app: &TestApp, id: &str, names: &[&str]) -> (u16, Value) {
    let labels: Vec<String> = names
        .iter()
        .map(|name| format!("actor_label=user:dev:{name}%2Fbrowser:x"))
        .collect();
    let path = format!("/api/n/{id}/author-profiles?{}", labels.join("&"));
    app.call(Method::GET, &path, &ADA, "").await
}

// CP-303
#[tokio::test]
async fn cp_303_only_authors_with_access_are_named_and_never_by_address() {
    let app = TestApp::with_dev_identity().await;
    let (_, made) = app.call(Method::POST, "/api/n", &ADA, "").await;
    let id = made["notebook_id"].as_str().unwrap();
    for name in ["grace", "eve"] {
        let row = json!({
            "subject_kind": "principal", "subject": format!("user:dev:{name}"), "scope": "editor",
        });
        let path = format!("/api/n/{id}/acl");
        app.call(Method::POST, &path, &ADA, row.to_string()).await;
    }
    for (name, shown) in [
        ("ada", "Ada"),
        ("grace", "grace@example.org"),
        ("eve", "Eve"),
        ("bob", "Bob"),
    ] {
        signed_in(&app, name, shown).await;
    }
    // Eve writes nothing, and Bob has no access any more.
    let mut doc = CommentsDoc::hosted_bootstrap(id).unwrap();
    for name in ["ada", "grace", "bob"] {
        comment(&mut doc, &format!("user:dev:{name}/browser:tab"));
    }
    let batch = AppendBatch {
        room: RoomKey {
            notebook_id: id.to_owned(),
            epoch: 1,
        },
        changes: vec![(DocumentKind::Comments, doc.save())],
    };
    app.documents().submit(batch).await.unwrap().await.unwrap();
    let (status, answer) = profiles(&app, id, &["grace", "ada", "eve", "bob"]).await;
    let expected = json!({"notebook_id": id, "profiles": [
        {"principal": "user:dev:grace", "label": null, "image_url": null, "resolved": false},
        {"principal": "user:dev:ada", "label": "Ada", "image_url": null, "resolved": true},
    ]});
    assert_eq!((status, answer), (200, expected));
    let many: Vec<String> = (0..101).map(|n| format!("u{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = "author profile lookup is limited to 100 principals";
    let refused = (400, json!({"error": text}));
    assert_eq!(profiles(&app, id, &many).await, refused);
}
