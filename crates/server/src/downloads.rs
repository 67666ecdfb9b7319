//! What this server offers to other machines: the archives in its downloads folder.
//!
//! The folder's manifest says what there is, and nothing else is served. It is looked at again when it is asked for and
//! some time has passed: whoever puts an archive there need not tell the server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use control_plane::builds::newer;
use wire::http::{Manifest, RUNT_PACKAGE};

use crate::app::App;

/// How long what was read is served without looking again.
const KEPT_MS: i64 = 2_000;

/// The folder, and what was last read of it.
#[derive(Debug)]
pub struct Downloads {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    manifest: Arc<Manifest>,
    look_again_ms: i64,
    /// Said once, not at each look.
    trouble: Option<String>,
}

impl Downloads {
    /// Of a folder, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            known: Mutex::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was read not long ago.
    fn recent(&self, now_ms: i64) -> Option<Arc<Manifest>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (now_ms < known.look_again_ms).then(|| known.manifest.clone())
    }

    fn read(&self, now_ms: i64) -> Arc<Manifest> {
        let (manifest, trouble) = match ::downloads::read(&self.folder) {
            Ok(manifest) => (manifest.unwrap_or_default(), None),
            Err(cause) => (Manifest::default(), Some(cause.to_string())),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = &trouble
            && known.trouble != trouble
        {
            tracing::warn!(cause, "the downloads folder offers nothing");
        }
        *known = Known {
            manifest: Arc::new(manifest),
            look_again_ms: now_ms + KEPT_MS,
            trouble,
        };
        known.manifest.clone()
    }
}

impl App {
    /// What the downloads folder offers; nothing where there is none or it cannot be read.
    pub async fn offered(&self) -> Arc<Manifest> {
        let now = self.now_ms();
        if let Some(recent) = self.downloads().recent(now) {
            return recent;
        }
        let app = self.clone();
        let read = tokio::task::spawn_blocking(move || app.downloads().read(now)).await;
        read.unwrap_or_default()
    }

    /// The newest version of `runt` that is offered, for whatever system.
    pub async fn offered_build(&self) -> Option<String> {
        let offered = self.offered().await;
        let builds = offered.archives.iter();
        builds
            .filter(|archive| archive.package == RUNT_PACKAGE)
            .map(|archive| archive.version.clone())
            .reduce(newer)
    }
}
