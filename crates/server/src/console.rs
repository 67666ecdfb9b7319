//! What can be asked on the server's console, beside a running server too.

use std::path::Path;

use store::Upkeep as _;
pub use store::{AuditLine, AuditOf};

use crate::serve::{DataDirError, ServeError, open_catalog};

/// The newest lines of the audit trail.
///
/// # Errors
/// The catalog cannot be used.
pub async fn audit(data: &Path, of: AuditOf<'_>, limit: i64) -> Result<Vec<AuditLine>, ServeError> {
    let catalog = open_catalog(data).await?;
    let lines = catalog.audit_lines(of, None, limit).await;
    catalog.close().await;
    lines.map_err(|cause| {
        DataDirError::Store(format!(
            "the catalog: {cause}\nHint: check the disk and the file's rights"
        ))
        .into()
    })
}

/// A time as people and machines read it.
pub fn time(ms: i64) -> String {
    wire::UnixMs(ms).to_string()
}
