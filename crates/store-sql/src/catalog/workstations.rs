//! Workstations, leases and defaults.

use store::{ExpiredLease, Lease, Registration, Result, Workstation, Workstations, sql};

use super::SqlCatalog;
use crate::db::Row;

fn lease(row: &Row) -> Result<Option<Lease>> {
    let last_seen_ms: Option<i64> = row.get("lease_last_seen_ms")?;
    let expires_ms: Option<i64> = row.get("lease_expires_ms")?;
    let (Some(last_seen_ms), Some(expires_ms)) = (last_seen_ms, expires_ms) else {
        return Ok(None);
    };
    Ok(Some(Lease {
        last_seen_ms,
        expires_ms,
        online: row.get("lease_online")?,
        offline_reason: row.get("lease_offline_reason")?,
    }))
}

fn workstation(row: &Row) -> Result<Workstation> {
    Ok(Workstation {
        owner_principal: row.get("owner_principal")?,
        workstation_id: row.get("workstation_id")?,
        display_name: row.get("display_name")?,
        provider: row.get("provider")?,
        provider_label: row.get("provider_label")?,
        status: row.get("status")?,
        status_message: row.get("status_message")?,
        default_environment_label: row.get("default_environment_label")?,
        environment_policy: row.get("environment_policy")?,
        installed_build: row.get("installed_build")?,
        channel: row.get("channel")?,
        working_directory: row.get("working_directory")?,
        cpu_count: row.get("cpu_count")?,
        memory_bytes: row.get("memory_bytes")?,
        accelerators_json: row.get("accelerators_json")?,
        environments_json: row.get("environments_json")?,
        kernels_json: row.get("kernels_json")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        last_seen_ms: row.get("last_seen_ms")?,
        lease: lease(row)?,
        machine_id: row.get("machine_id")?,
        hostname: row.get("hostname")?,
        os: row.get("os")?,
        address: row.get("address")?,
        online_since_ms: row.get("online_since_ms")?,
        utilisation_json: row.get("utilisation_json")?,
        clock_skew_ms: row.get("clock_skew_ms")?,
        idle_minutes: row.get("idle_minutes")?,
    })
}

impl Workstations for SqlCatalog {
    async fn register_workstation(
        &self,
        registration: &Registration,
    ) -> Result<Option<Workstation>> {
        let serves = !registration.only_paired;
        let mut transaction = self.db.begin("register a workstation").await?;
        transaction
            .run(sql::WORKSTATION_UPSERT)
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
            .bind(&registration.machine_id)
            .bind(&registration.hostname)
            .bind(&registration.os)
            .bind(&registration.address)
            .bind(&registration.kernels_json)
            .bind(&registration.utilisation_json)
            .bind(registration.clock_skew_ms)
            .bind(registration.idle_minutes)
            .bind(if serves { "online" } else { "offline" })
            .bind(serves.then_some(registration.now_ms))
            .bind(serves)
            .execute()
            .await?;
        // Behind the write: a removal that ran at the same time has been waited for by now.
        let removed: Option<i64> = transaction
            .run(sql::REMOVED_GET)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .optional(|row| row.get(0))
            .await?;
        if let Some(removed) = removed {
            if registration
                .paired_ms
                .is_some_and(|paired| paired < removed)
            {
                return Ok(None);
            }
            transaction
                .run(sql::REMOVED_FORGET)
                .bind(&registration.owner_principal)
                .bind(&registration.workstation_id)
                .execute()
                .await?;
        }
        let links = [
            (sql::PAIRING_LINK_WORKSTATION, &registration.pairing_code_id),
            (
                sql::CREDENTIAL_BIND_WORKSTATION,
                &registration.credential_id,
            ),
        ];
        for (statement, id) in links {
            if let Some(id) = id {
                transaction
                    .run(statement)
                    .bind(id)
                    .bind(&registration.workstation_id)
                    .execute()
                    .await?;
            }
        }
        transaction
            .run(sql::DEFAULT_SET_IF_NONE)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .bind(registration.now_ms)
            .execute()
            .await?;
        let stored = transaction
            .run(sql::WORKSTATION_GET)
            .bind(&registration.owner_principal)
            .bind(&registration.workstation_id)
            .one(workstation)
            .await?;
        transaction.commit().await?;
        Ok(Some(stored))
    }

    async fn workstation(&self, owner: &str, id: &str) -> Result<Option<Workstation>> {
        self.db
            .read(sql::WORKSTATION_GET, "read a workstation")
            .bind(owner)
            .bind(id)
            .optional(workstation)
            .await
    }

    async fn workstations(&self, owner: &str) -> Result<Vec<Workstation>> {
        self.db
            .read(sql::WORKSTATION_LIST, "list workstations")
            .bind(owner)
            .all(workstation)
            .await
    }

    async fn remove_workstation(&self, owner: &str, id: &str, now_ms: i64) -> Result<Option<bool>> {
        let mut transaction = self.db.begin("remove a workstation").await?;
        let was_online: Option<bool> = transaction
            .run(sql::WORKSTATION_DELETE)
            .bind(owner)
            .bind(id)
            .optional(|row| row.get(0))
            .await?;
        if was_online.is_some() {
            transaction
                .run(sql::DEFAULT_CLEAR)
                .bind(owner)
                .bind(id)
                .execute()
                .await?;
            transaction
                .run(sql::REMOVED_NOTE)
                .bind(owner)
                .bind(id)
                .bind(now_ms)
                .execute()
                .await?;
        }
        transaction.commit().await?;
        Ok(was_online)
    }

    async fn expire_leases(&self, now_ms: i64, reason: &str) -> Result<Vec<ExpiredLease>> {
        self.db
            .write(sql::LEASE_EXPIRE, "end leases")
            .bind(now_ms)
            .bind(reason)
            .all(|row| {
                Ok(ExpiredLease {
                    owner_principal: row.get("owner_principal")?,
                    workstation_id: row.get("workstation_id")?,
                })
            })
            .await
    }

    async fn end_lease(&self, owner: &str, id: &str, reason: &str, now_ms: i64) -> Result<()> {
        self.db
            .write(sql::LEASE_END, "end a lease")
            .bind(owner)
            .bind(id)
            .bind(reason)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn clear_leases(&self, before_ms: i64) -> Result<u64> {
        let done = self
            .db
            .write(sql::LEASE_CLEAR, "forget old leases")
            .bind(before_ms)
            .execute()
            .await?;
        Ok(done)
    }

    async fn next_lease_deadline(&self, keep_offline_ms: i64) -> Result<Option<i64>> {
        self.db
            .read(sql::LEASE_NEXT_DEADLINE, "find the next lease deadline")
            .bind(keep_offline_ms)
            .one(|row| row.get(0))
            .await
    }

    async fn default_workstation(&self, owner: &str) -> Result<Option<String>> {
        self.db
            .read(sql::DEFAULT_GET, "read the default workstation")
            .bind(owner)
            .optional(|row| row.get(0))
            .await
    }

    async fn set_default_workstation(&self, owner: &str, id: &str, now_ms: i64) -> Result<bool> {
        let mut transaction = self.db.begin("select a default workstation").await?;
        let found = transaction
            .run(sql::WORKSTATION_GET)
            .bind(owner)
            .bind(id)
            .optional(|_| Ok(()))
            .await?;
        if found.is_none() {
            return Ok(false);
        }
        transaction
            .run(sql::DEFAULT_SET)
            .bind(owner)
            .bind(id)
            .bind(now_ms)
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
