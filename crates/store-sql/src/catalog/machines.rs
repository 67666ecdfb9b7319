//! Machine settings and histories.

use store::{HistoryPage, MachineEvent, MachineSettings, Machines, Result, sql};

use super::SqlCatalog;
use crate::db::Row;

fn settings(row: &Row) -> Result<MachineSettings> {
    Ok(MachineSettings {
        room_tokens_only: row.get("room_tokens_only")?,
        room_token_s: row.get("room_token_s")?,
        credential_days: row.get("credential_days")?,
    })
}

fn event(row: &Row) -> Result<MachineEvent> {
    Ok(MachineEvent {
        id: row.get("id")?,
        at_ms: row.get("at_ms")?,
        workstation_id: row.get("workstation_id")?,
        job_id: row.get("job_id")?,
        notebook_id: row.get("notebook_id")?,
        event: row.get("event")?,
        detail: row.get("detail")?,
    })
}

impl Machines for SqlCatalog {
    async fn machine_settings(&self, owner: &str) -> Result<Option<MachineSettings>> {
        self.db
            .read(sql::SETTINGS_GET, "read machine settings")
            .bind(owner)
            .optional(settings)
            .await
    }

    async fn set_machine_settings(
        &self,
        owner: &str,
        settings: &MachineSettings,
        now_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.db.begin("store machine settings").await?;
        transaction
            .run(sql::SETTINGS_SET)
            .bind(owner)
            .bind(settings.room_tokens_only)
            .bind(settings.room_token_s)
            .bind(settings.credential_days)
            .bind(now_ms)
            .execute()
            .await?;
        let end = settings
            .credential_days
            .map(|days| now_ms + days * 86_400_000);
        transaction
            .run(sql::CREDENTIAL_SET_LIFE)
            .bind(owner)
            .bind(end)
            .execute()
            .await?;
        transaction.commit().await
    }

    async fn machine_events(
        &self,
        owner: &str,
        workstation_id: &str,
        page: HistoryPage<'_>,
    ) -> Result<Vec<MachineEvent>> {
        let statement = match page.job_id {
            Some(_) => sql::MACHINE_EVENTS_OF_JOB,
            None => sql::MACHINE_EVENTS_OF_WORKSTATION,
        };
        let statement = self
            .db
            .read(statement, "read a history")
            .bind(owner)
            .bind(workstation_id)
            .bind(page.before_id)
            .bind(page.limit);
        match page.job_id {
            Some(job_id) => statement.bind(job_id).all(event).await,
            None => statement.all(event).await,
        }
    }

    async fn purge_machine_events(&self, before_ms: i64) -> Result<u64> {
        self.db
            .write(sql::MACHINE_EVENTS_PURGE, "forget old events")
            .bind(before_ms)
            .execute()
            .await
    }
}
