//! Attach jobs.

use store::{AttachJob, AttachJobs, JobCreation, JobPlace, NewAttachJob, Result, sql};
use wire::http::{JobStatus, JobTrigger};

use super::SqlCatalog;
use crate::db::Row;

pub(super) fn job(row: &Row) -> Result<AttachJob> {
    let status: String = row.get("status")?;
    let trigger: String = row.get("requested_trigger")?;
    Ok(AttachJob {
        id: row.get("id")?,
        notebook_id: row.get("notebook_id")?,
        owner_principal: row.get("owner_principal")?,
        workstation_id: row.get("workstation_id")?,
        status: store::job_status(&status)?,
        trigger: store::job_trigger(&trigger)?,
        requested_by_actor_label: row.get("requested_by_actor_label")?,
        requested_ms: row.get("requested_ms")?,
        updated_ms: row.get("updated_ms")?,
        accepted_ms: row.get("accepted_ms")?,
        finished_ms: row.get("finished_ms")?,
        error_message: row.get("error_message")?,
    })
}

impl SqlCatalog {
    /// Ends jobs of anybody that are older than a time.
    async fn end_old(
        &self,
        statement: &'static str,
        doing: &'static str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .write(statement, doing)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }
}

impl AttachJobs for SqlCatalog {
    async fn create_or_join_job(
        &self,
        new: &NewAttachJob,
        replace: bool,
        cancel_message: &str,
    ) -> Result<JobCreation> {
        let mut transaction = self.db.begin("create an attach job").await?;
        let active = transaction
            .run(sql::JOB_ACTIVE_FOR_NOTEBOOK)
            .bind(&new.notebook_id)
            .optional(job)
            .await?;
        if let Some(active) = &active
            && active.owner_principal == new.owner_principal
            && active.workstation_id == new.workstation_id
            && !replace
        {
            if new.trigger == JobTrigger::UserAttach {
                transaction
                    .run(sql::JOB_PROMOTE_TRIGGER)
                    .bind(&active.id)
                    .bind(new.now_ms)
                    .execute()
                    .await?;
            }
            let joined = transaction
                .run(sql::JOB_BY_ID)
                .bind(&active.id)
                .one(job)
                .await?;
            // On PostgreSQL a statement of its own may have ended it since it was found.
            if joined.status.is_active() {
                transaction.commit().await?;
                return Ok(JobCreation {
                    job: joined,
                    reused: true,
                    displaced: Vec::new(),
                });
            }
        }
        let displaced = transaction
            .run(sql::JOB_CANCEL_OF_NOTEBOOK)
            .bind(&new.notebook_id)
            .bind(cancel_message)
            .bind(new.now_ms)
            .all(job)
            .await?;
        transaction
            .run(sql::JOB_INSERT)
            .bind(&new.id)
            .bind(&new.notebook_id)
            .bind(&new.owner_principal)
            .bind(&new.workstation_id)
            .bind(new.trigger.as_str())
            .bind(&new.actor_label)
            .bind(new.now_ms)
            .execute()
            .await?;
        let created = transaction
            .run(sql::JOB_BY_ID)
            .bind(&new.id)
            .one(job)
            .await?;
        transaction.commit().await?;
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
        self.db
            .read(sql::JOB_GET, "read an attach job")
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .optional(job)
            .await
    }

    async fn job_by_id(&self, job_id: &str) -> Result<Option<AttachJob>> {
        self.db
            .read(sql::JOB_BY_ID, "read an attach job")
            .bind(job_id)
            .optional(job)
            .await
    }

    async fn latest_job(
        &self,
        notebook_id: &str,
        workstation_id: &str,
    ) -> Result<Option<AttachJob>> {
        self.db
            .read(
                sql::JOB_LATEST_ON_WORKSTATION,
                "find a notebook's latest job on a workstation",
            )
            .bind(notebook_id)
            .bind(workstation_id)
            .optional(job)
            .await
    }

    async fn active_job(&self, notebook_id: &str) -> Result<Option<AttachJob>> {
        self.db
            .read(sql::JOB_ACTIVE_FOR_NOTEBOOK, "find a notebook's active job")
            .bind(notebook_id)
            .optional(job)
            .await
    }

    async fn active_jobs(
        &self,
        owner: &str,
        workstation_id: &str,
        after: Option<&JobPlace>,
        limit: i64,
    ) -> Result<Vec<AttachJob>> {
        let (rank, requested_ms, id) = match after {
            Some(place) => (i64::from(!place.pending), place.requested_ms, &*place.id),
            None => (-1, 0, ""),
        };
        self.db
            .read(sql::JOB_LIST_ACTIVE, "list attach jobs")
            .bind(owner)
            .bind(workstation_id)
            .bind(rank)
            .bind(requested_ms)
            .bind(id)
            .bind(limit)
            .all(job)
            .await
    }

    async fn pending_jobs(
        &self,
        owner: &str,
        workstation_id: &str,
        limit: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .read(sql::JOB_LIST_PENDING, "list pending attach jobs")
            .bind(owner)
            .bind(workstation_id)
            .bind(limit)
            .all(job)
            .await
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
        let mut transaction = self.db.begin("record a job's report").await?;
        transaction
            .run(sql::JOB_REPORT)
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .bind(status.as_str())
            .bind(error_message)
            .bind(now_ms)
            .execute()
            .await?;
        let stored = transaction
            .run(sql::JOB_GET)
            .bind(owner)
            .bind(workstation_id)
            .bind(job_id)
            .optional(job)
            .await?;
        transaction.commit().await?;
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
        self.db
            .write(
                sql::JOB_FAIL_STALE_OF_WORKSTATION,
                "end a workstation's stale jobs",
            )
            .bind(owner)
            .bind(workstation_id)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }

    async fn fail_stale_of_notebook(
        &self,
        notebook_id: &str,
        owner: &str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .write(
                sql::JOB_FAIL_STALE_OF_NOTEBOOK,
                "end a notebook's stale jobs",
            )
            .bind(notebook_id)
            .bind(owner)
            .bind(before_ms)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }

    async fn fail_stale_jobs(
        &self,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.end_old(
            sql::JOB_FAIL_STALE,
            "end stale jobs",
            before_ms,
            message,
            now_ms,
        )
        .await
    }

    async fn oldest_pending_request(&self) -> Result<Option<i64>> {
        self.db
            .read(sql::JOB_NEXT_STALE, "find the oldest pending job")
            .one(|row| row.get(0))
            .await
    }

    async fn fail_silent_jobs(
        &self,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.end_old(
            sql::JOB_FAIL_SILENT,
            "end silent jobs",
            before_ms,
            message,
            now_ms,
        )
        .await
    }

    async fn fail_jobs_of_notebook(
        &self,
        notebook_id: &str,
        owner: &str,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .write(
                sql::JOB_FAIL_OF_NOTEBOOK,
                "end an owner's jobs on a notebook",
            )
            .bind(notebook_id)
            .bind(owner)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }

    async fn fail_jobs_of_workstation(
        &self,
        owner: &str,
        workstation_id: &str,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .write(sql::JOB_FAIL_OF_WORKSTATION, "end a workstation's jobs")
            .bind(owner)
            .bind(workstation_id)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }
}
