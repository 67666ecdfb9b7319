//! Collecting blobs that nothing refers to, and what deleted notebooks left behind.
//!
//! A blob is taken from a notebook when nobody uploaded it for a long time, the notebook's live
//! documents (all four, of the current epoch) mention it nowhere, and no revision names it. Its
//! bytes go when no notebook, artifact or revision has it any more. Uploads are never in the way:
//! whoever uploads makes the blob young again, in the row and where it lies, before anything is removed.

use std::time::Duration;

use store::document_log::DocumentLog as _;
use store::{BlobReferences as _, Library as _, Notebooks as _};

use crate::app::App;
use crate::revision;

/// How long a blob stays that nothing refers to. Longer than a runtime peer may be away between
/// uploading a blob and naming it (a day, decision D1).
pub const GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(6 * 3600);
/// The first look comes this long after the start.
const FIRST: Duration = Duration::from_secs(600);
/// Notebooks looked through at a time.
const NOTEBOOKS: i64 = 100;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs taken from a notebook.
    pub references: usize,
    /// Files removed.
    pub files: usize,
    /// Notebooks whose leftover documents were dropped.
    pub notebooks: usize,
}

/// Sweeps now and then until the server stops.
pub async fn run(app: App) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.closing().cancelled() => return,
        }
        pause = PAUSE;
        match sweep(&app, GRACE).await {
            Ok(collected) if collected == Collected::default() => {}
            Ok(Collected {
                references,
                files,
                notebooks,
            }) => {
                tracing::info!(
                    references,
                    files,
                    notebooks,
                    "what nothing refers to was removed"
                );
            }
            Err(cause) => tracing::error!(%cause, "blobs could not be collected"),
        }
    }
}

/// Removes what nothing has referred to and nobody has uploaded for `grace`.
///
/// # Errors
/// Storage fails; what could not be read is not collected.
pub async fn sweep(app: &App, grace: Duration) -> store::Result<Collected> {
    let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let before_ms = app.now_ms().saturating_sub(grace_ms);
    let collected = Collected {
        notebooks: forget_deleted(app).await?,
        references: unmentioned(app, before_ms).await?,
        files: unwanted(app, grace).await?,
    };
    Ok(collected)
}

/// Documents of notebooks that were deleted while something stood in the way.
async fn forget_deleted(app: &App) -> store::Result<usize> {
    let logged = app.documents().notebooks().await?;
    // In this order: whatever was in the log is still being made, or known by now, or deleted.
    let making = app.making().ids();
    let known = app.catalog().known_notebooks(&logged).await?;
    let mut forgotten = 0;
    let is_kept = |id: &String| known.contains(id) || making.contains(id);
    for id in logged.iter().filter(|id| !is_kept(id)) {
        app.documents().forget(id).await?;
        forgotten += 1;
    }
    Ok(forgotten)
}

async fn unmentioned(app: &App, before_ms: i64) -> store::Result<usize> {
    let mut dropped = 0;
    let mut after = String::new();
    loop {
        let catalog = app.catalog();
        let ids = catalog
            .notebooks_with_old_blobs(before_ms, &after, NOTEBOOKS)
            .await?;
        let Some(last) = ids.last() else {
            return Ok(dropped);
        };
        after.clone_from(last);
        for id in ids {
            dropped += unmentioned_in(app, &id, before_ms).await?;
        }
    }
}

async fn unmentioned_in(app: &App, id: &str, before_ms: i64) -> store::Result<usize> {
    let candidates = app.catalog().unpinned_blobs(id, before_ms).await?;
    if candidates.is_empty() {
        return Ok(0);
    }
    let Some(notebook) = app.catalog().notebook(id).await? else {
        return Ok(0);
    };
    let mentioned = match revision::mentioned(app, &notebook).await {
        Ok(mentioned) => mentioned,
        Err(cause) => {
            tracing::warn!(%cause, id, "a notebook's blobs all stay: its documents cannot be read");
            return Ok(0);
        }
    };
    // A new epoch may have begun meanwhile, from what was read or from less.
    let mut dropped = 0;
    for hash in candidates.iter().filter(|hash| !mentioned.contains(*hash)) {
        dropped += usize::from(app.catalog().drop_blob(id, hash, before_ms).await?);
    }
    Ok(dropped)
}

/// Bytes that no row has and that nobody wrote or wrote again for `grace`.
async fn unwanted(app: &App, grace: Duration) -> store::Result<usize> {
    let mut removed = 0;
    for shelf in 0..=u8::MAX {
        let old = app.blobs().older_than(&format!("{shelf:02x}"), grace).await;
        let old = old.unwrap_or_else(|cause| {
            tracing::warn!(%cause, "a shelf of blobs cannot be read");
            Vec::new()
        });
        for hash in old {
            if app.catalog().is_blob_wanted(&hash).await? {
                continue;
            }
            match app.blobs().remove_if_older(&hash, grace).await {
                Ok(gone) => removed += usize::from(gone),
                Err(cause) => tracing::warn!(%cause, hash, "a blob cannot be removed"),
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
