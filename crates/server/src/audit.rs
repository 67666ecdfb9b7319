//! The audit trail at the edge: writing what only the edge knows to have happened, and reading on the server's console.
//!
//! Sharing, pairing and revoking write their lines where their rules are (`control_plane`); people read theirs by
//! `routes::audit`.

use store::{AuditEvent, AuditTrail as _};
pub use store::{AuditLine, AuditOf};

use crate::app::App;
use crate::serve::{DataDirError, ServeError, open_kept_catalog};
use crate::settings::Settings;

/// Something that happened, to be written down with the time.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// Who did it, as `<principal>/<operator>`.
    pub actor_label: String,
    /// What was done.
    pub action: &'static str,
    /// The notebook concerned.
    pub notebook_id: Option<String>,
    /// The thing or person concerned.
    pub subject: Option<String>,
    /// Further words; never a secret.
    pub detail: Option<String>,
}

impl App {
    /// Writes a line. What happened has happened: a failure is logged, not answered.
    pub async fn note(&self, note: Note) {
        let event = AuditEvent {
            at_ms: self.now_ms(),
            actor_label: note.actor_label,
            action: note.action,
            notebook_id: note.notebook_id,
            subject: note.subject,
            detail: note.detail,
        };
        if let Err(cause) = self.catalog().audit(&event).await {
            tracing::error!(%cause, action = event.action, "not written to the audit trail");
        }
    }

    /// Writes down that somebody ran cells: once a minute for each person and notebook, so that
    /// work in a notebook does not fill the trail.
    pub fn note_run(&self, notebook_id: &str, actor_label: String, cells: usize) {
        if !self.requests().first_run(notebook_id, &actor_label) {
            return;
        }
        let app = self.clone();
        let note = Note {
            actor_label,
            action: "notebook.run",
            notebook_id: Some(notebook_id.to_owned()),
            subject: None,
            detail: Some(match cells {
                1 => "1 cell".to_owned(),
                cells => format!("{cells} cells"),
            }),
        };
        self.tasks().spawn(async move { app.note(note).await });
    }
}

/// The newest lines of the audit trail of the server with these settings, which may be running.
///
/// # Errors
/// The catalog cannot be used.
pub async fn newest(
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

/// When a line was written, as people and machines read it.
pub fn time(ms: i64) -> String {
    wire::UnixMs(ms).to_string()
}
