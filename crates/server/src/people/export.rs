//! The notebooks that a person owns as files, for whoever leaves and for whoever takes over.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane::people;
use store::{Notebook, Notebooks as _, People as _};

use super::console::{Console, ConsoleError, now};
use crate::app::Storage;
use crate::config::{ConfigError, bucket, database};
use crate::notebook_file;
use crate::serve::open_for_reading;
use crate::settings::Settings;

/// Characters of a title in a file's name.
const TITLE: usize = 40;

/// What an export came to.
#[derive(Debug, Default)]
pub struct Exported {
    /// The files, one for each notebook.
    pub files: Vec<PathBuf>,
    /// Notebooks that do not fit a file, with the reason.
    pub left: Vec<(String, String)>,
}

impl Console {
    /// Writes every notebook that a person owns into a folder that is absent or empty, as it is
    /// now; beside a running server too. Notebooks in the trash are among them.
    ///
    /// # Errors
    /// Nobody of that name, the folder is taken, or something cannot be read or written.
    pub async fn export(
        &self,
        settings: &Settings,
        name: &str,
        to: &Path,
    ) -> Result<Exported, ConsoleError> {
        let principal = self.find(name).await?;
        let io_at = |path: &Path| {
            let path = path.to_owned();
            move |cause| ConsoleError::Folder { path, cause }
        };
        empty(to).map_err(io_at(to))?;
        let data = settings.data.as_deref().ok_or(ConfigError::Data)?;
        let storage =
            Arc::new(open_for_reading(&database(settings)?, bucket(settings)?, data).await?);
        let mut exported = Exported::default();
        for id in self.catalog().owned_notebooks(&principal).await? {
            let Some(notebook) = self.catalog().notebook(&id).await? else {
                continue;
            };
            match notebook_file::text(&storage, &notebook).await {
                Ok(text) => {
                    let path = to.join(file_name(&notebook));
                    write(&path, &text).map_err(io_at(&path))?;
                    exported.files.push(path);
                }
                Err(cause) => exported.left.push((id, cause.to_string())),
            }
        }
        close(&storage).await;
        let count = exported.files.len();
        people::note_export(self.catalog(), &principal, count, now()).await?;
        Ok(exported)
    }
}

async fn close(storage: &Storage) {
    storage.documents.close().await;
    storage.catalog.close().await;
}

/// Makes the folder, which only its owner may enter, or finds it empty.
fn empty(folder: &Path) -> io::Result<()> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(io::Error::other("it is not empty")),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).recursive(true).create(folder)
        }
        Err(cause) => Err(cause),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A name that every system takes: the title in plain letters, and the id, which is no other's.
fn file_name(notebook: &Notebook) -> String {
    let title = notebook.title.as_deref().unwrap_or("notebook");
    let title = title.strip_suffix(".ipynb").unwrap_or(title);
    let plain = |c: char| {
        if c.is_alphanumeric() || "_-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let title: String = title.chars().map(plain).take(TITLE).collect();
    let title = title.trim_matches('-');
    format!("{title}-{}.ipynb", notebook.id)
        .trim_start_matches('-')
        .to_owned()
}
