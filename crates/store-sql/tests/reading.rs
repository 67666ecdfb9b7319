//! What is read by one statement is what several would read.

use store::{
    Account, AccountLink, Accounts, BlobRow, NewAclRow, NewNotebook, NewSession, Notebooks, People,
    SubjectKind,
};
use store_sql::SqlCatalog;
use store_sql::testing::TestDatabase;

const ADA: &str = "user:dev:ada";

fn notebook(id: &str) -> NewNotebook {
    NewNotebook {
        id: id.to_owned(),
        owner_principal: ADA.to_owned(),
        title: Some(id.to_uppercase()),
        created_ms: 1,
        actor_label: format!("{ADA}/browser:tab"),
    }
}

fn row(kind: SubjectKind, subject: &str, scope: &str) -> NewAclRow {
    NewAclRow {
        notebook_id: "one".to_owned(),
        subject_kind: kind,
        subject: subject.to_owned(),
        scope: scope.to_owned(),
        may_run: scope == "editor",
        actor_label: format!("{ADA}/browser:tab"),
        now_ms: 5,
    }
}

#[tokio::test]
async fn a_notebook_comes_with_the_rows_that_concern_a_principal() {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    for id in ["one", "two"] {
        catalog.create_notebook(&notebook(id)).await.unwrap();
    }
    let principal = SubjectKind::Principal;
    // A former way in keeps its row until it is moved; so does one that is granted later.
    let link = AccountLink {
        transport: "user:oidc:bob".to_owned(),
        canonical: "account:bob".to_owned(),
        provider: "oidc".to_owned(),
        email: "bob@example.com".to_owned(),
        now_ms: 4,
    };
    catalog.link_account(&link).await.unwrap();
    for row in [
        row(principal, "user:oidc:bob", "editor"),
        row(principal, "account:bob", "viewer"),
        row(principal, "user:dev:eve", "viewer"),
        row(SubjectKind::Public, "anonymous", "viewer"),
    ] {
        catalog.grant(&row).await.unwrap();
    }
    catalog.set_trashed("two", Some(9), 9).await.unwrap();
    for (id, who, count) in [
        ("one", ADA, 2),
        ("one", "account:bob", 3),
        ("one", "user:dev:nobody", 1),
        ("two", ADA, 1),
        ("two", "account:bob", 0),
    ] {
        let (found, mut rows) = catalog.notebook_for(id, who).await.unwrap().unwrap();
        assert_eq!(Some(found), catalog.notebook(id).await.unwrap());
        let by_name = |row: &store::AclRow| {
            let kind = row.subject_kind.as_str();
            (kind, row.subject.clone(), row.scope.clone())
        };
        rows.sort_by_key(by_name);
        assert_eq!(rows, catalog.acl_for(id, who).await.unwrap(), "{id} {who}");
        assert_eq!(rows.len(), count, "{id} {who}");
    }
    assert_eq!(catalog.notebook_for("gone", ADA).await.unwrap(), None);
}

#[tokio::test]
async fn blobs_are_found_by_their_names_in_one_notebook() {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    let hash = |n: usize| format!("{n:064}");
    for id in ["one", "two"] {
        catalog.create_notebook(&notebook(id)).await.unwrap();
    }
    let blob = |id: &str, n: usize| BlobRow {
        notebook_id: id.to_owned(),
        hash: hash(n),
        size_bytes: n as i64,
        content_type: n.is_multiple_of(2).then(|| "text/plain".to_owned()),
        uploaded_ms: 1,
    };
    let mut one: Vec<BlobRow> = (0..200).map(|n| blob("one", n)).collect();
    for blob in one.iter().chain([&blob("two", 300)]) {
        catalog.record_blob(blob).await.unwrap();
    }
    // Numbers that are powers of two and others, with names that are not there or another notebook's.
    for asked in [0, 1, 2, 3, 64, 127, 128] {
        let mut hashes: Vec<String> = (0..asked).map(hash).collect();
        let mut found = catalog.blobs_named("one", &hashes).await.unwrap();
        found.sort_by_key(|blob| blob.hash.clone());
        assert_eq!(found, one[..asked]);
        hashes.extend([hash(300), hash(301)]);
        let found = catalog.blobs_named("one", &hashes).await.unwrap();
        assert_eq!(found.len(), asked);
    }
    one.clear();
    assert_eq!(catalog.blobs_named("gone", &[hash(1)]).await.unwrap(), one);
}

#[tokio::test]
async fn a_session_comes_with_the_name_of_its_account() {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    let account = Account {
        principal: ADA.to_owned(),
        provider: "local".to_owned(),
        display_name: Some("Ada".to_owned()),
        email: None,
        first_seen_ms: 1,
        last_seen_ms: 1,
    };
    catalog.upsert_account(&account).await.unwrap();
    for (principal, name) in [(ADA, Some("Ada")), ("user:dev:unknown", None)] {
        let session = NewSession {
            id: principal.to_owned(),
            token_hash: principal.to_owned(),
            principal: principal.to_owned(),
            provider: "local".to_owned(),
            label: Some("Firefox".to_owned()),
            created_ms: 1,
            expires_ms: 9,
        };
        catalog.create_session(&session).await.unwrap();
        let found = catalog.session_by_hash(principal).await.unwrap().unwrap();
        assert_eq!(
            (found.id.as_str(), found.display_name.as_deref()),
            (principal, name)
        );
        assert_eq!(catalog.sessions(principal).await.unwrap(), [found]);
    }
}
