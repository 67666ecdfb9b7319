//! What can be asked on the server's console, beside a running server too.

use store::Upkeep as _;
pub use store::{AuditLine, AuditOf};

use crate::serve::{DataDirError, ServeError, open_kept_catalog};
use crate::settings::Settings;

/// The newest lines of the audit trail of the server with these settings.
///
/// # Errors
/// The catalog cannot be used.
pub async fn audit(
    settings: &Settings,
    of: AuditOf<'_>,
    limit: i64,
) -> Result<Vec<AuditLine>, ServeError> {
    let catalog = open_kept_catalog(settings).await?;
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
