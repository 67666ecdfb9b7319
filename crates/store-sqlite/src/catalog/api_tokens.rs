//! Tokens that a person makes for programs.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{ApiToken, ApiTokens, NewApiToken, Result, sql};

use super::SqliteCatalog;
use crate::pools::failed;

fn token(row: &SqliteRow) -> sqlx::Result<ApiToken> {
    Ok(ApiToken {
        id: row.try_get("id")?,
        token_hash: row.try_get("token_hash")?,
        principal: row.try_get("principal")?,
        name: row.try_get("name")?,
        scope: row.try_get("scope")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        last_used_ms: row.try_get("last_used_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

impl ApiTokens for SqliteCatalog {
    async fn create_api_token(&self, token: &NewApiToken) -> Result<()> {
        sqlx::query(sql::API_TOKEN_INSERT)
            .bind(&token.id)
            .bind(&token.token_hash)
            .bind(&token.principal)
            .bind(&token.name)
            .bind(&token.scope)
            .bind(token.created_ms)
            .bind(token.expires_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("store an API token"))?;
        Ok(())
    }

    async fn api_token_by_hash(&self, token_hash: &str) -> Result<Option<ApiToken>> {
        sqlx::query(sql::API_TOKEN_BY_HASH)
            .bind(token_hash)
            .try_map(|row: SqliteRow| token(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find an API token"))
    }

    async fn api_tokens(&self, principal: &str) -> Result<Vec<ApiToken>> {
        sqlx::query(sql::API_TOKEN_LIST)
            .bind(principal)
            .try_map(|row: SqliteRow| token(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list API tokens"))
    }

    async fn live_api_tokens(&self, principal: &str, now_ms: i64) -> Result<i64> {
        sqlx::query_scalar(sql::API_TOKEN_COUNT)
            .bind(principal)
            .bind(now_ms)
            .fetch_one(self.pools.readers())
            .await
            .map_err(failed("count API tokens"))
    }

    async fn revoke_api_token(&self, principal: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::API_TOKEN_REVOKE)
            .bind(principal)
            .bind(id)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("revoke an API token"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn touch_api_token(&self, id: &str, now_ms: i64, unless_since_ms: i64) -> Result<()> {
        sqlx::query(sql::API_TOKEN_TOUCH)
            .bind(id)
            .bind(now_ms)
            .bind(unless_since_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("record the use of an API token"))?;
        Ok(())
    }
}
