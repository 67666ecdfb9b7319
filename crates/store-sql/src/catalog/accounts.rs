//! Accounts, sessions and sign-in tokens.

use store::{Account, Accounts, NewSession, Result, Session, sql};

use super::SqlCatalog;
use crate::db::Row;

fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        principal: row.get("principal")?,
        provider: row.get("provider")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        first_seen_ms: row.get("first_seen_ms")?,
        last_seen_ms: row.get("last_seen_ms")?,
    })
}

fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.get("id")?,
        principal: row.get("principal")?,
        provider: row.get("provider")?,
        label: row.get("label")?,
        display_name: row.get("display_name")?,
        created_ms: row.get("created_ms")?,
        last_used_ms: row.get("last_used_ms")?,
        expires_ms: row.get("expires_ms")?,
        revoked_ms: row.get("revoked_ms")?,
    })
}

impl Accounts for SqlCatalog {
    async fn upsert_account(&self, account: &Account) -> Result<()> {
        self.db
            .write(sql::ACCOUNT_UPSERT, "record an account")
            .bind(&account.principal)
            .bind(&account.provider)
            .bind(&account.display_name)
            .bind(&account.email)
            .bind(account.last_seen_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn account(&self, principal: &str) -> Result<Option<Account>> {
        self.db
            .read(sql::ACCOUNT_GET, "read an account")
            .bind(principal)
            .optional(account)
            .await
    }

    async fn create_session(&self, session: &NewSession) -> Result<()> {
        self.db
            .write(sql::SESSION_INSERT, "store a session")
            .bind(&session.id)
            .bind(&session.token_hash)
            .bind(&session.principal)
            .bind(&session.provider)
            .bind(&session.label)
            .bind(session.created_ms)
            .bind(session.expires_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn session_by_hash(&self, token_hash: &str) -> Result<Option<Session>> {
        self.db
            .read(sql::SESSION_BY_HASH, "find a session")
            .bind(token_hash)
            .optional(session)
            .await
    }

    async fn touch_session(&self, id: &str, used_ms: i64, expires_ms: i64) -> Result<()> {
        self.db
            .write(sql::SESSION_TOUCH, "renew a session")
            .bind(id)
            .bind(used_ms)
            .bind(expires_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn sessions(&self, principal: &str) -> Result<Vec<Session>> {
        self.db
            .read(sql::SESSION_LIST, "list sessions")
            .bind(principal)
            .all(session)
            .await
    }

    async fn revoke_session(&self, principal: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::SESSION_REVOKE, "revoke a session")
            .bind(principal)
            .bind(id)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn create_sign_in_token(
        &self,
        token_hash: &str,
        principal: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.db.begin("store a sign-in token").await?;
        transaction
            .run(sql::SIGN_IN_TOKEN_PURGE)
            .bind(now_ms)
            .execute()
            .await?;
        transaction
            .run(sql::SIGN_IN_TOKEN_INSERT)
            .bind(token_hash)
            .bind(principal)
            .bind(now_ms)
            .bind(expires_ms)
            .execute()
            .await?;
        transaction.commit().await
    }

    async fn consume_sign_in_token(&self, token_hash: &str, now_ms: i64) -> Result<Option<String>> {
        self.db
            .write(sql::SIGN_IN_TOKEN_CONSUME, "use a sign-in token")
            .bind(token_hash)
            .bind(now_ms)
            .optional(|row| row.get(0))
            .await
    }
}
