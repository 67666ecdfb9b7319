//! Can this server do its work: is what it stands on there?

use std::time::Duration;

use store::Accounts as _;
use store::document_log::{DocumentLog as _, RoomKey};

use crate::app::App;

/// How long one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The outcome of every check, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The catalog answers.
    pub catalog: bool,
    /// The document log answers.
    pub document_log: bool,
    /// The folder or the bucket of blobs answers.
    pub blobs: bool,
    /// There is space left.
    pub disk: bool,
    /// The server was not told to stop.
    pub running: bool,
}

impl Readiness {
    /// The checks with their names.
    pub fn checks(self) -> [(&'static str, bool); 5] {
        [
            ("catalog", self.catalog),
            ("document_log", self.document_log),
            ("blobs", self.blobs),
            ("disk", self.disk),
            ("running", self.running),
        ]
    }

    /// Whether every check passed.
    pub fn is_ready(self) -> bool {
        self.checks().iter().all(|(_, good)| *good)
    }
}

impl App {
    /// Runs every check; the log has the cause of each that fails.
    pub async fn readiness(&self) -> Readiness {
        let (catalog, document_log, blobs, disk) = tokio::join!(
            check("catalog", self.check_catalog()),
            check("document_log", self.check_documents()),
            check("blobs", self.check_blobs()),
            check("disk", self.check_disk()),
        );
        Readiness {
            catalog,
            document_log,
            blobs,
            disk,
            running: !self.closing().is_cancelled(),
        }
    }

    async fn check_catalog(&self) -> Result<(), String> {
        let found = self.catalog().account("").await;
        found.map(drop).map_err(|cause| said(&cause))
    }

    async fn check_documents(&self) -> Result<(), String> {
        let nobody = RoomKey {
            notebook_id: String::new(),
            epoch: 0,
        };
        let found = self.documents().load(&nobody).await;
        found.map(drop).map_err(|cause| said(&cause))
    }

    async fn check_blobs(&self) -> Result<(), String> {
        let ready = self.blobs().ready().await;
        ready.map_err(|cause| cause.to_string().replace('\n', " "))
    }

    async fn check_disk(&self) -> Result<(), String> {
        let data = self.config().data.clone();
        let found = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&data));
        let found = found.await.map_err(|cause| cause.to_string())?;
        let space = found.map_err(|cause| cause.to_string())?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let wanted = self.config().settings.limits.disk_free_bytes;
        if free < wanted {
            return Err(format!(
                "{free} bytes are free, and limits.disk_free_bytes is {wanted}"
            ));
        }
        Ok(())
    }
}

async fn check(name: &str, work: impl Future<Output = Result<(), String>>) -> bool {
    let outcome = tokio::time::timeout(CHECK_LIMIT, work).await;
    let cause = match outcome {
        Ok(Ok(())) => return true,
        Ok(Err(cause)) => cause,
        Err(_) => format!("no answer within {CHECK_LIMIT:?}"),
    };
    tracing::warn!(check = name, cause, "not ready");
    false
}

/// An error with what caused it.
fn said(cause: &dyn std::error::Error) -> String {
    let source = cause.source().map(|source| format!(": {source}"));
    format!("{cause}{}", source.unwrap_or_default())
}
