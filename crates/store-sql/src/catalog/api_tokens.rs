//! Tokens that a person makes for programs.

use store::{ApiToken, ApiTokens, NewApiToken, Result, sql};

use super::SqlCatalog;
use crate::db::Row;

fn token(row: &Row) -> Result<ApiToken> {
    Ok(ApiToken {
        id: row.get("id")?,
        token_hash: row.get("token_hash")?,
        principal: row.get("principal")?,
        name: row.get("name")?,
        scope: row.get("scope")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
        last_used_ms: row.get("last_used_ms")?,
        revoked_ms: row.get("revoked_ms")?,
    })
}

impl ApiTokens for SqlCatalog {
    async fn create_api_token(&self, token: &NewApiToken) -> Result<()> {
        self.db
            .write(sql::API_TOKEN_INSERT, "store an API token")
            .bind(&token.id)
            .bind(&token.token_hash)
            .bind(&token.principal)
            .bind(&token.name)
            .bind(&token.scope)
            .bind(token.created_ms)
            .bind(token.expires_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn api_token_by_hash(&self, token_hash: &str) -> Result<Option<ApiToken>> {
        self.db
            .read(sql::API_TOKEN_BY_HASH, "find an API token")
            .bind(token_hash)
            .optional(token)
            .await
    }

    async fn api_tokens(&self, principal: &str) -> Result<Vec<ApiToken>> {
        self.db
            .read(sql::API_TOKEN_LIST, "list API tokens")
            .bind(principal)
            .all(token)
            .await
    }

    async fn live_api_tokens(&self, principal: &str, now_ms: i64) -> Result<i64> {
        self.db
            .read(sql::API_TOKEN_COUNT, "count API tokens")
            .bind(principal)
            .bind(now_ms)
            .one(|row| row.get(0))
            .await
    }

    async fn revoke_api_token(&self, principal: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::API_TOKEN_REVOKE, "revoke an API token")
            .bind(principal)
            .bind(id)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn touch_api_token(&self, id: &str, now_ms: i64, unless_since_ms: i64) -> Result<()> {
        self.db
            .write(sql::API_TOKEN_TOUCH, "record the use of an API token")
            .bind(id)
            .bind(now_ms)
            .bind(unless_since_ms)
            .execute()
            .await?;
        Ok(())
    }
}
