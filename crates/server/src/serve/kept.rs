//! Opening the catalog that a data folder's server uses, for commands beside it: the one it keeps its records in, and
//! never a new one.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use store_sql::{Database, SqlCatalog};

use super::ServeError;
use super::data_dir::{DataDirError, INFO, ServerInfo, open_catalog};
use crate::config::{self, ConfigError};
use crate::settings::Settings;

/// What holds the records of the server that last ran on a data folder, as noted in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptIn {
    /// Files in the data folder.
    Sqlite,
    /// A PostgreSQL server, shown without a password.
    Postgres(String),
}

impl KeptIn {
    /// What a database is noted as.
    pub fn of(database: &Database) -> Self {
        if database.is_postgres() {
            Self::Postgres(database.to_string())
        } else {
            Self::Sqlite
        }
    }

    /// What the last server of a folder noted; none when there was none, or only one of a release without this note.
    pub(crate) fn noted(data: &Path) -> Option<Self> {
        let text = fs::read(data.join(INFO)).ok()?;
        serde_json::from_slice::<ServerInfo>(&text).ok()?.kept_in
    }

    fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What to do for a command that was told of something else.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Postgres(_) => {
                "give this command the server's own settings: --config FILE, or --database postgres://USER@HOST:PORT/NAME"
            }
            Self::Sqlite => {
                "leave --database out (and `database` in the configuration file or the environment)"
            }
        }
    }
}

impl fmt::Display for KeptIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("SQLite files in that directory"),
            Self::Postgres(place) => f.write_str(place),
        }
    }
}

/// Opens the catalog of the server with these settings, beside it too.
///
/// # Errors
/// The settings name another kind of database than that server keeps its records in, there are none, or they cannot be
/// used.
pub async fn open_kept_catalog(settings: &Settings) -> Result<SqlCatalog, ServeError> {
    let data = settings.data.as_deref().ok_or(ConfigError::Data)?;
    let database = config::database(settings)?;
    check(data, &database)?;
    Ok(open_catalog(&database).await?)
}

/// Whether a database is the one, and is there.
fn check(data: &Path, database: &Database) -> Result<(), DataDirError> {
    let asked = KeptIn::of(database);
    if let Some(kept) = KeptIn::noted(data)
        && kept.is_postgres() != asked.is_postgres()
    {
        return Err(DataDirError::KeptElsewhere {
            data: data.to_owned(),
            kept,
            asked,
        });
    }
    if database.is_there() {
        Ok(())
    } else {
        Err(DataDirError::NoData(data.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{self, AuditOf};
    use crate::people::console::Console;
    use crate::serve::{DataDir, sign_in_link};

    fn settings(data: &Path, database: Option<&str>) -> Settings {
        Settings {
            data: Some(data.to_owned()),
            database: database.map(Into::into),
            ..Settings::default()
        }
    }

    /// What each of the console's commands says, none of which succeeds.
    async fn refusals(settings: &Settings) -> Vec<String> {
        vec![
            audit::newest(settings, AuditOf::All, 1)
                .await
                .unwrap_err()
                .to_string(),
            Console::open(settings).await.unwrap_err().to_string(),
            sign_in_link(settings).await.unwrap_err().to_string(),
        ]
    }

    #[tokio::test]
    async fn the_console_uses_the_database_of_the_server_and_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataDir::open(folder.path()).unwrap();
        let database = Database::at("postgres://cloud:hush@db.example.org/cloud", None).unwrap();
        let mut info = ServerInfo {
            address: "127.0.0.1:1".into(),
            url: "http://127.0.0.1:1".into(),
            pid: 1,
            version: "0".into(),
            kept_in: Some(KeptIn::of(&database)),
        };
        held.write_info(&info).unwrap();
        for said in refusals(&settings(folder.path(), None)).await {
            assert!(
                said.contains("PostgreSQL cloud at db.example.org:5432"),
                "{said}"
            );
            assert!(
                said.contains("--database") && !said.contains("hush"),
                "{said}"
            );
        }

        info.kept_in = Some(KeptIn::Sqlite);
        held.write_info(&info).unwrap();
        let other = settings(folder.path(), Some("postgres://cloud@db.example.org/cloud"));
        for said in refusals(&other).await {
            assert!(said.contains("leave --database out"), "{said}");
        }
        for said in refusals(&settings(folder.path(), None)).await {
            assert!(said.contains("holds no notebook-cloud data"), "{said}");
        }
        assert!(!folder.path().join("catalog.sqlite").exists());
    }

    #[test]
    fn a_note_of_a_release_that_did_not_say_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let older = r#"{"address":"127.0.0.1:1","url":"http://127.0.0.1:1","pid":1,"version":"0"}"#;
        fs::write(folder.path().join(INFO), older).unwrap();
        assert_eq!(KeptIn::noted(folder.path()), None);
        let said = check(folder.path(), &Database::in_folder(folder.path())).unwrap_err();
        assert!(matches!(said, DataDirError::NoData(_)), "{said}");
    }
}
