//! Room tokens.

use store::{NewRoomToken, Result, RoomToken, RoomTokens, sql};

use super::SqlCatalog;
use crate::db::Row;

fn room_token(row: &Row) -> Result<RoomToken> {
    Ok(RoomToken {
        job_id: row.get("job_id")?,
        notebook_id: row.get("notebook_id")?,
        owner_principal: row.get("owner_principal")?,
        principal_namespace: row.get("principal_namespace")?,
        workstation_id: row.get("workstation_id")?,
        credential_id: row.get("credential_id")?,
        expires_ms: row.get("expires_ms")?,
        job_status: store::job_status(&row.get::<String>("status")?)?,
        credential_revoked_ms: row.get("revoked_ms")?,
    })
}

impl RoomTokens for SqlCatalog {
    async fn create_room_token(&self, token: &NewRoomToken) -> Result<bool> {
        let done = self
            .db
            .write(sql::ROOM_TOKEN_INSERT, "store a room token")
            .bind(&token.token_hash)
            .bind(&token.job_id)
            .bind(&token.credential_id)
            .bind(&token.principal_namespace)
            .bind(token.issued_ms)
            .bind(token.expires_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn room_token(&self, token_hash: &str) -> Result<Option<RoomToken>> {
        self.db
            .read(sql::ROOM_TOKEN_GET, "find a room token")
            .bind(token_hash)
            .optional(room_token)
            .await
    }

    async fn purge_room_tokens(&self, before_ms: i64) -> Result<u64> {
        self.db
            .write(sql::ROOM_TOKEN_PURGE, "forget room tokens")
            .bind(before_ms)
            .execute()
            .await
    }
}
