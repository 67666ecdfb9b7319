//! The schema and every SQL file against a real database file.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{Executor, SqlSafeStr};
use store::{StoreError, sql};
use store_sqlite::SqliteCatalog;

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    SqliteCatalog::open(&path).await.unwrap().close().await;
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path))
        .await
        .unwrap();
    for (name, statement) in sql::ALL {
        let statement: &'static str = statement;
        if let Err(error) = pool.prepare(statement.into_sql_str()).await {
            panic!("{name}.sql does not fit the schema: {error}");
        }
    }
    pool.close().await;
}

#[tokio::test]
async fn a_catalog_opens_again_with_its_data() {
    use store::{NewNotebook, Notebooks};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let first = SqliteCatalog::open(&path).await.unwrap();
    let notebook = NewNotebook {
        id: "01".to_owned(),
        owner_principal: "user:dev:ada".to_owned(),
        title: None,
        created_ms: 1,
        actor_label: "user:dev:ada/browser:tab".to_owned(),
    };
    assert!(first.create_notebook(&notebook).await.unwrap());
    first.close().await;
    let second = SqliteCatalog::open(&path).await.unwrap();
    assert_eq!(second.notebook("01").await.unwrap().unwrap().room_epoch, 1);
    second.close().await;
}

#[tokio::test]
async fn a_catalog_of_a_newer_release_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    SqliteCatalog::open(&path).await.unwrap().close().await;
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path))
        .await
        .unwrap();
    sqlx::query("PRAGMA user_version = 999")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let error = SqliteCatalog::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 999, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("Hint:"), "{error}");
}
