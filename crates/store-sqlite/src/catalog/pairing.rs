//! Pairing codes and credentials.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{
    Credential, NewCredential, NewPairing, Pairing, PairingStore, RedeemedPairing, Result, sql,
};

use super::SqliteCatalog;
use crate::pools::failed;

fn pairing(row: &SqliteRow) -> sqlx::Result<Pairing> {
    Ok(Pairing {
        id: row.try_get("id")?,
        owner_principal: row.try_get("owner_principal")?,
        principal_namespace: row.try_get("principal_namespace")?,
        created_by_actor_label: row.try_get("created_by_actor_label")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        redeemed_ms: row.try_get("redeemed_ms")?,
        redeemed_by_credential_id: row.try_get("redeemed_by_credential_id")?,
        workstation_id: row.try_get("workstation_id")?,
    })
}

fn credential(row: &SqliteRow) -> sqlx::Result<Credential> {
    Ok(Credential {
        id: row.try_get("id")?,
        token_hash: row.try_get("token_hash")?,
        owner_principal: row.try_get("owner_principal")?,
        principal_namespace: row.try_get("principal_namespace")?,
        pairing_code_id: row.try_get("pairing_code_id")?,
        workstation_id: row.try_get("workstation_id")?,
        created_ms: row.try_get("created_ms")?,
        last_used_ms: row.try_get("last_used_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

impl PairingStore for SqliteCatalog {
    async fn create_pairing(&self, pairing: &NewPairing) -> Result<()> {
        sqlx::query(sql::PAIRING_INSERT)
            .bind(&pairing.id)
            .bind(&pairing.code_hash)
            .bind(&pairing.owner_principal)
            .bind(&pairing.principal_namespace)
            .bind(&pairing.actor_label)
            .bind(pairing.created_ms)
            .bind(pairing.expires_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("store a pairing code"))?;
        Ok(())
    }

    async fn pairing(&self, owner: &str, id: &str) -> Result<Option<Pairing>> {
        sqlx::query(sql::PAIRING_GET)
            .bind(owner)
            .bind(id)
            .try_map(|row: SqliteRow| pairing(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read a pairing"))
    }

    async fn redeem_pairing(
        &self,
        code_hash: &str,
        credential: &NewCredential,
    ) -> Result<Option<RedeemedPairing>> {
        const DOING: &str = "redeem a pairing code";
        let mut transaction = self.pools.begin().await?;
        // The statement names this request's credential, so only this request can have consumed it.
        let Some(row) = sqlx::query(sql::PAIRING_CONSUME)
            .bind(code_hash)
            .bind(credential.created_ms)
            .bind(&credential.id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(DOING))?
        else {
            return Ok(None);
        };
        let pairing_id: String = row.try_get("id").map_err(failed(DOING))?;
        let owner_principal: String = row.try_get("owner_principal").map_err(failed(DOING))?;
        let namespace: String = row.try_get("principal_namespace").map_err(failed(DOING))?;
        sqlx::query(sql::CREDENTIAL_INSERT)
            .bind(&credential.id)
            .bind(&credential.token_hash)
            .bind(&owner_principal)
            .bind(&namespace)
            .bind(&pairing_id)
            .bind(credential.created_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(Some(RedeemedPairing {
            pairing_id,
            owner_principal,
        }))
    }

    async fn purge_pairings(&self, before_ms: i64) -> Result<u64> {
        let done = sqlx::query(sql::PAIRING_PURGE)
            .bind(before_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("drop expired pairing codes"))?;
        Ok(done.rows_affected())
    }

    async fn credential_by_hash(&self, token_hash: &str) -> Result<Option<Credential>> {
        sqlx::query(sql::CREDENTIAL_BY_HASH)
            .bind(token_hash)
            .try_map(|row: SqliteRow| credential(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find a credential"))
    }

    async fn credential(&self, owner: &str, id: &str) -> Result<Option<Credential>> {
        sqlx::query(sql::CREDENTIAL_GET)
            .bind(owner)
            .bind(id)
            .try_map(|row: SqliteRow| credential(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read a credential"))
    }

    async fn credentials(&self, owner: &str) -> Result<Vec<Credential>> {
        sqlx::query(sql::CREDENTIAL_LIST)
            .bind(owner)
            .try_map(|row: SqliteRow| credential(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list credentials"))
    }

    async fn touch_credential(&self, id: &str, now_ms: i64, unless_since_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::CREDENTIAL_TOUCH)
            .bind(id)
            .bind(now_ms)
            .bind(unless_since_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("record a credential's use"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn revoke_credential(&self, owner: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::CREDENTIAL_REVOKE)
            .bind(owner)
            .bind(id)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("revoke a credential"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn rotate_credential(&self, id: &str, old_hash: &str, new_hash: &str) -> Result<bool> {
        let done = sqlx::query(sql::CREDENTIAL_ROTATE)
            .bind(id)
            .bind(old_hash)
            .bind(new_hash)
            .execute(self.pools.writer())
            .await
            .map_err(failed("rotate a credential"))?;
        Ok(done.rows_affected() == 1)
    }
}
