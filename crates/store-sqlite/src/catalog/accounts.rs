//! Accounts, sessions, sign-in tokens and the audit trail.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{Account, Accounts, AuditEvent, NewSession, Result, Session, sql};

use super::SqliteCatalog;
use crate::pools::failed;

fn account(row: &SqliteRow) -> sqlx::Result<Account> {
    Ok(Account {
        principal: row.try_get("principal")?,
        provider: row.try_get("provider")?,
        display_name: row.try_get("display_name")?,
        email: row.try_get("email")?,
        first_seen_ms: row.try_get("first_seen_ms")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
    })
}

fn session(row: &SqliteRow) -> sqlx::Result<Session> {
    Ok(Session {
        id: row.try_get("id")?,
        principal: row.try_get("principal")?,
        provider: row.try_get("provider")?,
        label: row.try_get("label")?,
        created_ms: row.try_get("created_ms")?,
        last_used_ms: row.try_get("last_used_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

impl Accounts for SqliteCatalog {
    async fn upsert_account(&self, account: &Account) -> Result<()> {
        sqlx::query(sql::ACCOUNT_UPSERT)
            .bind(&account.principal)
            .bind(&account.provider)
            .bind(&account.display_name)
            .bind(&account.email)
            .bind(account.last_seen_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("record an account"))?;
        Ok(())
    }

    async fn account(&self, principal: &str) -> Result<Option<Account>> {
        sqlx::query(sql::ACCOUNT_GET)
            .bind(principal)
            .try_map(|row: SqliteRow| account(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read an account"))
    }

    async fn create_session(&self, session: &NewSession) -> Result<()> {
        sqlx::query(sql::SESSION_INSERT)
            .bind(&session.id)
            .bind(&session.token_hash)
            .bind(&session.principal)
            .bind(&session.provider)
            .bind(&session.label)
            .bind(session.created_ms)
            .bind(session.expires_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("store a session"))?;
        Ok(())
    }

    async fn session_by_hash(&self, token_hash: &str) -> Result<Option<Session>> {
        sqlx::query(sql::SESSION_BY_HASH)
            .bind(token_hash)
            .try_map(|row: SqliteRow| session(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find a session"))
    }

    async fn touch_session(&self, id: &str, used_ms: i64, expires_ms: i64) -> Result<()> {
        sqlx::query(sql::SESSION_TOUCH)
            .bind(id)
            .bind(used_ms)
            .bind(expires_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("renew a session"))?;
        Ok(())
    }

    async fn sessions(&self, principal: &str) -> Result<Vec<Session>> {
        sqlx::query(sql::SESSION_LIST)
            .bind(principal)
            .try_map(|row: SqliteRow| session(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list sessions"))
    }

    async fn revoke_session(&self, principal: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::SESSION_REVOKE)
            .bind(principal)
            .bind(id)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("revoke a session"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn create_sign_in_token(
        &self,
        token_hash: &str,
        principal: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.pools.begin().await?;
        sqlx::query(sql::SIGN_IN_TOKEN_PURGE)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed("drop expired sign-in tokens"))?;
        sqlx::query(sql::SIGN_IN_TOKEN_INSERT)
            .bind(token_hash)
            .bind(principal)
            .bind(now_ms)
            .bind(expires_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store a sign-in token"))?;
        transaction
            .commit()
            .await
            .map_err(failed("store a sign-in token"))
    }

    async fn consume_sign_in_token(&self, token_hash: &str, now_ms: i64) -> Result<Option<String>> {
        sqlx::query_scalar(sql::SIGN_IN_TOKEN_CONSUME)
            .bind(token_hash)
            .bind(now_ms)
            .fetch_optional(self.pools.writer())
            .await
            .map_err(failed("use a sign-in token"))
    }

    async fn audit(&self, event: &AuditEvent) -> Result<()> {
        sqlx::query(sql::AUDIT_INSERT)
            .bind(event.at_ms)
            .bind(&event.actor_label)
            .bind(event.action)
            .bind(&event.notebook_id)
            .bind(&event.subject)
            .bind(&event.detail)
            .execute(self.pools.writer())
            .await
            .map_err(failed("append to the audit trail"))?;
        Ok(())
    }
}
