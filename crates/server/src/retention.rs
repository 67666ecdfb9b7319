//! What is old goes: lines of the audit trail, jobs and sessions that ended long ago.

use std::time::Duration;

use store::{Outdated, Upkeep as _};

use crate::app::App;
use crate::settings::RetentionSettings;

/// How often old rows are dropped.
const PAUSE: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;

/// Drops what is old until the server stops.
pub async fn run(app: App) {
    loop {
        sweep(&app).await;
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = app.closing().cancelled() => return,
        }
    }
}

/// Drops what is old now.
pub async fn sweep(app: &App) {
    let outdated = outdated(&app.config().settings.retention, app.now_ms());
    match app.catalog().drop_outdated(outdated).await {
        Ok(0) => {}
        Ok(rows) => tracing::info!(rows, "old rows dropped"),
        Err(cause) => tracing::error!(%cause, "old rows could not be dropped"),
    }
}

fn outdated(keep: &RetentionSettings, now_ms: i64) -> Outdated {
    let before = |days: u32| (days > 0).then(|| now_ms - i64::from(days) * DAY_MS);
    Outdated {
        audit_ms: before(keep.audit_days),
        jobs_ms: before(keep.ended_job_days),
        sessions_ms: before(keep.ended_session_days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_days_keep_for_ever() {
        let keep = RetentionSettings {
            audit_days: 0,
            ended_job_days: 1,
            ended_session_days: 2,
        };
        let outdated = outdated(&keep, 10 * DAY_MS);
        assert_eq!(outdated.audit_ms, None);
        assert_eq!(outdated.jobs_ms, Some(9 * DAY_MS));
        assert_eq!(outdated.sessions_ms, Some(8 * DAY_MS));
    }
}
