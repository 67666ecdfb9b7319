//! Workstations, leases and defaults.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{ExpiredLease, Lease, Registration, Result, Workstation, Workstations, sql};

use super::SqliteCatalog;
use crate::pools::failed;

fn lease(row: &SqliteRow) -> sqlx::Result<Option<Lease>> {
    let last_seen_ms: Option<i64> = row.try_get("lease_last_seen_ms")?;
    let expires_ms: Option<i64> = row.try_get("lease_expires_ms")?;
    let (Some(last_seen_ms), Some(expires_ms)) = (last_seen_ms, expires_ms) else {
        return Ok(None);
    };
    Ok(Some(Lease {
        last_seen_ms,
        expires_ms,
        online: row.try_get("lease_online")?,
        offline_reason: row.try_get("lease_offline_reason")?,
    }))
}

fn workstation(row: &SqliteRow) -> sqlx::Result<Workstation> {
    Ok(Workstation {
        owner_principal: row.try_get("owner_principal")?,
        workstation_id: row.try_get("workstation_id")?,
        display_name: row.try_get("display_name")?,
        provider: row.try_get("provider")?,
        provider_label: row.try_get("provider_label")?,
        status: row.try_get("status")?,
        status_message: row.try_get("status_message")?,
        default_environment_label: row.try_get("default_environment_label")?,
        environment_policy: row.try_get("environment_policy")?,
        installed_build: row.try_get("installed_build")?,
        channel: row.try_get("channel")?,
        working_directory: row.try_get("working_directory")?,
        cpu_count: row.try_get("cpu_count")?,
        memory_bytes: row.try_get("memory_bytes")?,
        accelerators_json: row.try_get("accelerators_json")?,
        environments_json: row.try_get("environments_json")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        lease: lease(row)?,
    })
}

impl Workstations for SqliteCatalog {
    async fn register_workstation(&self, registration: &Registration) -> Result<Workstation> {
        const DOING: &str = "register a workstation";
        let mut transaction = self.pools.begin().await?;
        sqlx::query(sql::WORKSTATION_UPSERT)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .bind(&registration.display_name)
            .bind(&registration.provider)
            .bind(&registration.provider_label)
            .bind(&registration.status_message)
            .bind(&registration.default_environment_label)
            .bind(&registration.environment_policy)
            .bind(&registration.installed_build)
            .bind(&registration.channel)
            .bind(&registration.working_directory)
            .bind(registration.cpu_count)
            .bind(registration.memory_bytes)
            .bind(&registration.accelerators_json)
            .bind(&registration.environments_json)
            .bind(registration.now_ms)
            .bind(registration.lease_expires_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        let links = [
            (sql::PAIRING_LINK_WORKSTATION, &registration.pairing_code_id),
            (
                sql::CREDENTIAL_BIND_WORKSTATION,
                &registration.credential_id,
            ),
        ];
        for (statement, id) in links {
            if let Some(id) = id {
                sqlx::query(statement)
                    .bind(id)
                    .bind(&registration.workstation_id)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed(DOING))?;
            }
        }
        sqlx::query(sql::DEFAULT_SET_IF_NONE)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .bind(registration.now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        let stored = sqlx::query(sql::WORKSTATION_GET)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .try_map(|row: SqliteRow| workstation(&row))
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(stored)
    }

    async fn workstation(&self, owner: &str, id: &str) -> Result<Option<Workstation>> {
        sqlx::query(sql::WORKSTATION_GET)
            .bind(owner)
            .bind(id)
            .try_map(|row: SqliteRow| workstation(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read a workstation"))
    }

    async fn workstations(&self, owner: &str) -> Result<Vec<Workstation>> {
        sqlx::query(sql::WORKSTATION_LIST)
            .bind(owner)
            .try_map(|row: SqliteRow| workstation(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list workstations"))
    }

    async fn remove_workstation(&self, owner: &str, id: &str) -> Result<Option<bool>> {
        const DOING: &str = "remove a workstation";
        let mut transaction = self.pools.begin().await?;
        let was_online: Option<bool> = sqlx::query_scalar(sql::WORKSTATION_DELETE)
            .bind(owner)
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        if was_online.is_some() {
            sqlx::query(sql::DEFAULT_CLEAR)
                .bind(owner)
                .bind(id)
                .execute(&mut *transaction)
                .await
                .map_err(failed(DOING))?;
        }
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(was_online)
    }

    async fn expire_leases(&self, now_ms: i64, reason: &str) -> Result<Vec<ExpiredLease>> {
        sqlx::query(sql::LEASE_EXPIRE)
            .bind(now_ms)
            .bind(reason)
            .try_map(|row: SqliteRow| {
                Ok(ExpiredLease {
                    owner_principal: row.try_get("owner_principal")?,
                    workstation_id: row.try_get("workstation_id")?,
                })
            })
            .fetch_all(self.pools.writer())
            .await
            .map_err(failed("end leases"))
    }

    async fn clear_leases(&self, before_ms: i64) -> Result<u64> {
        let done = sqlx::query(sql::LEASE_CLEAR)
            .bind(before_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("forget old leases"))?;
        Ok(done.rows_affected())
    }

    async fn next_lease_deadline(&self, keep_offline_ms: i64) -> Result<Option<i64>> {
        sqlx::query_scalar(sql::LEASE_NEXT_DEADLINE)
            .bind(keep_offline_ms)
            .fetch_one(self.pools.readers())
            .await
            .map_err(failed("find the next lease deadline"))
    }

    async fn default_workstation(&self, owner: &str) -> Result<Option<String>> {
        sqlx::query_scalar(sql::DEFAULT_GET)
            .bind(owner)
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read the default workstation"))
    }

    async fn set_default_workstation(&self, owner: &str, id: &str, now_ms: i64) -> Result<bool> {
        const DOING: &str = "select a default workstation";
        let mut transaction = self.pools.begin().await?;
        let found = sqlx::query(sql::WORKSTATION_GET)
            .bind(owner)
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        if found.is_none() {
            return Ok(false);
        }
        sqlx::query(sql::DEFAULT_SET)
            .bind(owner)
            .bind(id)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(true)
    }
}
