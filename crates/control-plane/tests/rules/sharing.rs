//! Notebooks and their access rows.

use control_plane::access::{self, Downgrade};
use control_plane::{Refusal, notebooks, sharing};
use serde_json::{Value, json};
use wire::Scope;

use crate::{START, World, anonymous, caller, object};

async fn grant(world: &World, notebook: &str, body: Value) -> usize {
    let mutation = sharing::parse(&object(body)).unwrap();
    sharing::grant(&world.catalog, &caller("ada"), notebook, &mutation, START)
        .await
        .unwrap()
        .0
        .len()
}

fn editor(name: &str) -> Value {
    json!({"subject_kind": "principal", "subject": format!("user:dev:{name}"), "scope": "editor"})
}

// CP-259
#[test]
fn cp_259_only_the_owner_scope_creates() {
    let error = |who, scope| notebooks::may_create(&who, scope).unwrap_err().to_string();
    assert_eq!(
        error(caller("ada"), Scope::Viewer),
        "viewer cannot create notebooks"
    );
    assert_eq!(
        error(anonymous(), Scope::Owner),
        "viewer cannot create notebooks"
    );
    notebooks::may_create(&caller("ada"), Scope::Owner).unwrap();
}

// CP-275 CP-276 CP-277
#[tokio::test]
async fn cp_276_a_private_notebook_is_hidden_from_nobody_and_closed_to_strangers() {
    let world = World::new().await;
    let notebook = world.notebook(&caller("ada")).await;
    let page = |who: control_plane::Caller| {
        let (catalog, notebook) = (world.catalog.clone(), notebook.clone());
        async move {
            let scope = notebooks::page_scope(&who);
            access::authorize(&catalog, &who, &notebook, scope, Downgrade::Live).await
        }
    };
    assert_eq!(page(caller("ada")).await.unwrap().scope, Scope::Owner);
    assert!(matches!(
        page(anonymous()).await,
        Err(Refusal::Absent("notebook not found"))
    ));
    assert!(matches!(
        page(caller("eve")).await,
        Err(Refusal::Forbidden(_))
    ));
    grant(&world, &notebook, editor("grace")).await;
    let grace = page(caller("grace")).await.unwrap();
    assert_eq!((grace.scope, grace.may_run), (Scope::Editor, false));
    let mut running = editor("grace");
    running["may_run"] = Value::Bool(true);
    grant(&world, &notebook, running).await;
    assert!(page(caller("grace")).await.unwrap().may_run);
    let public = json!({"subject_kind": "public", "subject": "anonymous", "scope": "viewer"});
    grant(&world, &notebook, public).await;
    assert_eq!(page(caller("eve")).await.unwrap().scope, Scope::Viewer);
    assert_eq!(page(anonymous()).await.unwrap().scope, Scope::Viewer);
}

#[test]
fn d14_the_run_right_goes_with_editor_alone() {
    for (kind, subject, scope) in [
        ("principal", "user:a", "viewer"),
        ("principal", "user:a", "owner"),
        ("public", "anonymous", "viewer"),
    ] {
        let mut body = json!({"subject_kind": kind, "subject": subject, "scope": scope});
        body["may_run"] = Value::Bool(false);
        sharing::parse(&object(body.clone())).unwrap();
        body["may_run"] = Value::Bool(true);
        let refused = sharing::parse(&object(body)).unwrap_err().to_string();
        assert!(
            refused.starts_with("may_run goes with scope 'editor' only"),
            "{refused}"
        );
    }
}

// CP-283 CP-284
#[test]
fn cp_283_bad_rows_are_refused_in_the_words_of_3_5() {
    let error = |kind: &str, subject: &str, scope: &str| {
        let body = json!({"subject_kind": kind, "subject": subject, "scope": scope});
        sharing::parse(&object(body)).unwrap_err().to_string()
    };
    assert_eq!(
        error("", "x", "viewer"),
        "subject_kind must be a non-empty string"
    );
    assert_eq!(
        error("group", "x", "viewer"),
        "subject_kind must be 'principal' or 'public'"
    );
    assert_eq!(
        error("public", "x", "viewer"),
        "public ACL rows must use subject 'anonymous'"
    );
    assert_eq!(
        error("public", "anonymous", "editor"),
        "public ACL rows may only grant viewer scope"
    );
    assert_eq!(
        error("principal", "ada", "viewer"),
        "principal must be 'system' or '<scheme>:<id>'"
    );
    assert_eq!(
        error("principal", "user:a", "boss"),
        "unknown connection scope: boss"
    );
    assert_eq!(
        error(
            "principal",
            &format!("user:{}", "x".repeat(1_020)),
            "viewer"
        ),
        "subject is too long"
    );
    for subject in ["system", "anonymous:s1"] {
        assert_eq!(
            error("principal", subject, "viewer"),
            "principal ACL rows cannot target system or anonymous principals"
        );
    }
}

// CP-285 CP-286 CP-287
#[tokio::test]
async fn cp_287_the_last_owner_stays() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    assert_eq!(grant(&world, &notebook, editor("grace")).await, 2);
    assert_eq!(grant(&world, &notebook, editor("grace")).await, 2);
    let revoke = |body: Value| {
        let mutation = sharing::parse(&object(body)).unwrap();
        let (catalog, ada, notebook) = (world.catalog.clone(), ada.clone(), notebook.clone());
        async move { sharing::revoke(&catalog, &ada, &notebook, &mutation, START).await }
    };
    assert_eq!(revoke(editor("nobody")).await.unwrap().0.len(), 2);
    assert_eq!(revoke(editor("grace")).await.unwrap().0.len(), 1);
    let own = json!({"subject_kind": "principal", "subject": "user:dev:ada", "scope": "owner"});
    let kept = revoke(own).await;
    assert!(matches!(
        kept,
        Err(Refusal::Conflict("cannot remove the last owner ACL row"))
    ));
}
