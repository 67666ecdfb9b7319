//! Dropping what is old, counting what one owner has.

use store::{Outdated, Result, Upkeep, sql};

use super::SqlCatalog;

impl Upkeep for SqlCatalog {
    async fn drop_outdated(&self, outdated: Outdated) -> Result<u64> {
        let kinds = [
            (sql::AUDIT_PURGE, "drop old audit lines", outdated.audit_ms),
            (sql::JOB_PURGE, "drop old attach jobs", outdated.jobs_ms),
            (
                sql::SESSION_PURGE,
                "drop old sessions",
                outdated.sessions_ms,
            ),
        ];
        let mut dropped = 0;
        for (statement, doing, before) in kinds {
            let Some(before) = before else { continue };
            dropped += self
                .db
                .write(statement, doing)
                .bind(before)
                .execute()
                .await?;
        }
        Ok(dropped)
    }

    async fn live_codes(&self, owner: &str, now_ms: i64) -> Result<(i64, Option<i64>)> {
        self.db
            .read(sql::PAIRING_LIVE, "count pairing codes")
            .bind(owner)
            .bind(now_ms)
            .one(|row| Ok((row.get("codes")?, row.get("first_end_ms")?)))
            .await
    }

    async fn owned_notebooks(&self, owner: &str) -> Result<i64> {
        self.db
            .read(sql::NOTEBOOK_OWNED, "count notebooks")
            .bind(owner)
            .one(|row| row.get("notebooks"))
            .await
    }
}
