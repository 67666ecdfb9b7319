//! The audit trail.

use store::{AuditEvent, AuditLine, AuditOf, AuditTrail, Result, sql};

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

impl AuditTrail for SqlCatalog {
    async fn audit(&self, event: &AuditEvent) -> Result<()> {
        self.db
            .write(sql::AUDIT_INSERT, "append to the audit trail")
            .bind(event.at_ms)
            .bind(&event.actor_label)
            .bind(event.action)
            .bind(&event.notebook_id)
            .bind(&event.subject)
            .bind(&event.detail)
            .execute()
            .await?;
        Ok(())
    }

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
}
