//! Attach jobs.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{AttachJob, AttachJobs, JobCreation, JobStatus, JobTrigger, NewAttachJob, Result, sql};

use super::SqliteCatalog;
use super::notebooks::decoding;
use crate::pools::failed;

fn job(row: &SqliteRow) -> sqlx::Result<AttachJob> {
    let status: String = row.try_get("status")?;
    let trigger: String = row.try_get("requested_trigger")?;
    Ok(AttachJob {
        id: row.try_get("id")?,
        notebook_id: row.try_get("notebook_id")?,
        owner_principal: row.try_get("owner_principal")?,
        workstation_id: row.try_get("workstation_id")?,
        status: JobStatus::parse(&status).map_err(decoding)?,
        trigger: JobTrigger::parse(&trigger).map_err(decoding)?,
        requested_by_actor_label: row.try_get("requested_by_actor_label")?,
        requested_ms: row.try_get("requested_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        accepted_ms: row.try_get("accepted_ms")?,
        finished_ms: row.try_get("finished_ms")?,
        error_message: row.try_get("error_message")?,
    })
}

impl AttachJobs for SqliteCatalog {
    async fn create_or_join_job(
        &self,
        new: &NewAttachJob,
        replace: bool,
        cancel_message: &str,
    ) -> Result<JobCreation> {
        const DOING: &str = "create an attach job";
        let mut transaction = self.pools.begin().await?;
        let active = sqlx::query(sql::JOB_ACTIVE_FOR_NOTEBOOK)
            .bind(&new.notebook_id)
            .bind(&new.owner_principal)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        if let Some(active) = &active
            && active.workstation_id == new.workstation_id
            && !replace
        {
            if new.trigger == JobTrigger::UserAttach {
                sqlx::query(sql::JOB_PROMOTE_TRIGGER)
                    .bind(&active.id)
                    .bind(new.now_ms)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed(DOING))?;
            }
            let joined = sqlx::query(sql::JOB_BY_ID)
                .bind(&active.id)
                .try_map(|row: SqliteRow| job(&row))
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed(DOING))?;
            transaction.commit().await.map_err(failed(DOING))?;
            return Ok(JobCreation {
                job: joined,
                reused: true,
                displaced: Vec::new(),
            });
        }
        let displaced = sqlx::query(sql::JOB_CANCEL_ACTIVE)
            .bind(&new.notebook_id)
            .bind(&new.owner_principal)
            .bind(cancel_message)
            .bind(new.now_ms)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        sqlx::query(sql::JOB_INSERT)
            .bind(&new.id)
            .bind(&new.notebook_id)
            .bind(&new.owner_principal)
            .bind(&new.workstation_id)
            .bind(new.trigger.as_str())
            .bind(&new.actor_label)
            .bind(new.now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        let created = sqlx::query(sql::JOB_BY_ID)
            .bind(&new.id)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(JobCreation {
            job: created,
            reused: false,
            displaced,
        })
    }

    async fn job(
        &self,
        owner: &str,
        workstation_id: &str,
        job_id: &str,
    ) -> Result<Option<AttachJob>> {
        sqlx::query(sql::JOB_GET)
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read an attach job"))
    }

    async fn job_by_id(&self, job_id: &str) -> Result<Option<AttachJob>> {
        sqlx::query(sql::JOB_BY_ID)
            .bind(job_id)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read an attach job"))
    }

    async fn latest_job(&self, notebook_id: &str) -> Result<Option<AttachJob>> {
        sqlx::query(sql::JOB_LATEST_FOR_NOTEBOOK)
            .bind(notebook_id)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find a notebook's latest job"))
    }

    async fn active_job(&self, notebook_id: &str, owner: &str) -> Result<Option<AttachJob>> {
        sqlx::query(sql::JOB_ACTIVE_FOR_NOTEBOOK)
            .bind(notebook_id)
            .bind(owner)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find a notebook's active job"))
    }

    async fn active_jobs(
        &self,
        owner: &str,
        workstation_id: &str,
        limit: i64,
    ) -> Result<Vec<AttachJob>> {
        sqlx::query(sql::JOB_LIST_ACTIVE)
            .bind(owner)
            .bind(workstation_id)
            .bind(limit)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list attach jobs"))
    }

    async fn report_job(
        &self,
        owner: &str,
        workstation_id: &str,
        job_id: &str,
        status: JobStatus,
        error_message: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<AttachJob>> {
        const DOING: &str = "record a job's report";
        let mut transaction = self.pools.begin().await?;
        sqlx::query(sql::JOB_REPORT)
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .bind(status.as_str())
            .bind(error_message)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        let stored = sqlx::query(sql::JOB_GET)
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(stored)
    }

    async fn fail_stale_of_workstation(
        &self,
        owner: &str,
        workstation_id: &str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        sqlx::query(sql::JOB_FAIL_STALE_OF_WORKSTATION)
            .bind(owner)
            .bind(workstation_id)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(self.pools.writer())
            .await
            .map_err(failed("end a workstation's stale jobs"))
    }

    async fn fail_stale_of_notebook(
        &self,
        notebook_id: &str,
        owner: &str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        sqlx::query(sql::JOB_FAIL_STALE_OF_NOTEBOOK)
            .bind(notebook_id)
            .bind(owner)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(self.pools.writer())
            .await
            .map_err(failed("end a notebook's stale jobs"))
    }

    async fn fail_silent_jobs(
        &self,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        sqlx::query(sql::JOB_FAIL_SILENT)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(self.pools.writer())
            .await
            .map_err(failed("end silent jobs"))
    }

    async fn fail_jobs_of_workstation(
        &self,
        owner: &str,
        workstation_id: &str,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        sqlx::query(sql::JOB_FAIL_OF_WORKSTATION)
            .bind(owner)
            .bind(workstation_id)
            .bind(message)
            .bind(now_ms)
            .try_map(|row: SqliteRow| job(&row))
            .fetch_all(self.pools.writer())
            .await
            .map_err(failed("end a workstation's jobs"))
    }
}
