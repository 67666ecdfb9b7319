//! Pairing codes and credentials.

use store::{
    Credential, NewCredential, NewPairing, Pairing, PairingStore, RedeemedPairing, Result,
    Rotation, sql,
};

use super::SqlCatalog;
use crate::db::Row;

fn pairing(row: &Row) -> Result<Pairing> {
    Ok(Pairing {
        id: row.get("id")?,
        owner_principal: row.get("owner_principal")?,
        principal_namespace: row.get("principal_namespace")?,
        created_by_actor_label: row.get("created_by_actor_label")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
        redeemed_ms: row.get("redeemed_ms")?,
        redeemed_by_credential_id: row.get("redeemed_by_credential_id")?,
        workstation_id: row.get("workstation_id")?,
    })
}

fn credential(row: &Row) -> Result<Credential> {
    Ok(Credential {
        id: row.get("id")?,
        token_hash: row.get("token_hash")?,
        owner_principal: row.get("owner_principal")?,
        principal_namespace: row.get("principal_namespace")?,
        pairing_code_id: row.get("pairing_code_id")?,
        workstation_id: row.get("workstation_id")?,
        created_ms: row.get("created_ms")?,
        last_used_ms: row.get("last_used_ms")?,
        revoked_ms: row.get("revoked_ms")?,
        prior_token_hash: row.get("prior_token_hash")?,
        prior_until_ms: row.get("prior_until_ms")?,
        rotated_ms: row.get("rotated_ms")?,
        expires_ms: row.get("expires_ms")?,
        may_serve_several: row.get("may_serve_several")?,
        token_seen_ms: row.get("token_seen_ms")?,
    })
}

impl PairingStore for SqlCatalog {
    async fn create_pairing(&self, pairing: &NewPairing) -> Result<()> {
        self.db
            .write(sql::PAIRING_INSERT, "store a pairing code")
            .bind(&pairing.id)
            .bind(&pairing.code_hash)
            .bind(&pairing.owner_principal)
            .bind(&pairing.principal_namespace)
            .bind(&pairing.actor_label)
            .bind(pairing.created_ms)
            .bind(pairing.expires_ms)
            .bind(&pairing.expected_name)
            .execute()
            .await?;
        Ok(())
    }

    async fn pairing(&self, owner: &str, id: &str) -> Result<Option<Pairing>> {
        self.db
            .read(sql::PAIRING_GET, "read a pairing")
            .bind(owner)
            .bind(id)
            .optional(pairing)
            .await
    }

    async fn redeem_pairing(
        &self,
        code_hash: &str,
        credential: &NewCredential,
    ) -> Result<Option<RedeemedPairing>> {
        let mut transaction = self.db.begin("redeem a pairing code").await?;
        // The statement names this request's credential, so only this request can have consumed it.
        let Some((pairing_id, owner_principal, namespace)) = transaction
            .run(sql::PAIRING_CONSUME)
            .bind(code_hash)
            .bind(credential.created_ms)
            .bind(&credential.id)
            .optional(|row| {
                Ok((
                    row.get::<String>("id")?,
                    row.get::<String>("owner_principal")?,
                    row.get::<String>("principal_namespace")?,
                ))
            })
            .await?
        else {
            return Ok(None);
        };
        transaction
            .run(sql::CREDENTIAL_INSERT)
            .bind(&credential.id)
            .bind(&credential.token_hash)
            .bind(&owner_principal)
            .bind(&namespace)
            .bind(&pairing_id)
            .bind(credential.created_ms)
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(Some(RedeemedPairing {
            pairing_id,
            owner_principal,
        }))
    }

    async fn purge_pairings(&self, before_ms: i64) -> Result<u64> {
        self.db
            .write(sql::PAIRING_PURGE, "drop expired pairing codes")
            .bind(before_ms)
            .execute()
            .await
    }

    async fn credential_by_hash(&self, token_hash: &str) -> Result<Option<Credential>> {
        self.db
            .read(sql::CREDENTIAL_BY_HASH, "find a credential")
            .bind(token_hash)
            .optional(credential)
            .await
    }

    async fn credential(&self, owner: &str, id: &str) -> Result<Option<Credential>> {
        self.db
            .read(sql::CREDENTIAL_GET, "read a credential")
            .bind(owner)
            .bind(id)
            .optional(credential)
            .await
    }

    async fn credentials(&self, owner: &str) -> Result<Vec<Credential>> {
        self.db
            .read(sql::CREDENTIAL_LIST, "list credentials")
            .bind(owner)
            .all(credential)
            .await
    }

    async fn touch_credential(&self, id: &str, now_ms: i64, unless_since_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::CREDENTIAL_TOUCH, "record a credential's use")
            .bind(id)
            .bind(now_ms)
            .bind(unless_since_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn see_token(
        &self,
        id: &str,
        token_hash: &str,
        now_ms: i64,
        prior_until_ms: i64,
    ) -> Result<()> {
        self.db
            .write(sql::CREDENTIAL_SEEN, "note a rotated token's first use")
            .bind(id)
            .bind(token_hash)
            .bind(now_ms)
            .bind(prior_until_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn revoke_credential(&self, owner: &str, id: &str, now_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::CREDENTIAL_REVOKE, "revoke a credential")
            .bind(owner)
            .bind(id)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn rotate_credential(&self, rotation: &Rotation) -> Result<bool> {
        let done = self
            .db
            .write(sql::CREDENTIAL_ROTATE, "rotate a credential")
            .bind(&rotation.credential_id)
            .bind(&rotation.old_hash)
            .bind(&rotation.new_hash)
            .bind(rotation.prior_until_ms)
            .bind(rotation.now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn pairing_expectation(&self, code_hash: &str, now_ms: i64) -> Result<Option<String>> {
        self.db
            .read(sql::PAIRING_EXPECTATION, "look at a pairing code")
            .bind(code_hash)
            .bind(now_ms)
            .optional(|row| row.get(0))
            .await
    }

    async fn set_credential_reach(&self, owner: &str, id: &str, several: bool) -> Result<bool> {
        let done = self
            .db
            .write(sql::CREDENTIAL_SET_REACH, "change a credential")
            .bind(owner)
            .bind(id)
            .bind(several)
            .execute()
            .await?;
        Ok(done == 1)
    }
}
