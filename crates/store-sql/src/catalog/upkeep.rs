//! Reading the audit trail, dropping what is old, counting what one owner has.

use store::{AuditLine, AuditOf, Outdated, Result, Upkeep, sql};

use super::SqlCatalog;
use crate::db::Row;

fn line(row: &Row) -> Result<AuditLine> {
    Ok(AuditLine {
        id: row.get("id")?,
        at_ms: row.get("at_ms")?,
        actor_label: row.get("actor_label")?,
        action: row.get("action")?,
        notebook_id: row.get("notebook_id")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
    })
}

impl Upkeep for SqlCatalog {
    async fn audit_lines(
        &self,
        of: AuditOf<'_>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditLine>> {
        const DOING: &str = "read the audit trail";
        let before = before.unwrap_or(i64::MAX);
        let statement = match of {
            AuditOf::All => self.db.read(sql::AUDIT_ALL, DOING),
            AuditOf::Notebook(id) => self.db.read(sql::AUDIT_OF_NOTEBOOK, DOING).bind(id),
            AuditOf::Person(principal) => self.db.read(sql::AUDIT_OF_PERSON, DOING).bind(principal),
        };
        statement.bind(before).bind(limit).all(line).await
    }

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
