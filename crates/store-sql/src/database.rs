//! Which database holds the catalog and the document log.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use store::{Migration, Result};

use crate::db::sqlite::Pools;
use crate::db::{Db, postgres};

const CATALOG: &str = "catalog.sqlite";
const DOCUMENTS: &str = "documents.sqlite";

/// Where the catalog and the document log are kept. Shows no password.
#[derive(Clone)]
pub struct Database(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Folder(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database address cannot be read: {0}\n\
     Hint: use postgres://USER@HOST:PORT/NAME"
)]
pub struct UnknownDatabase(String);

impl Database {
    /// SQLite files in a folder: one for the catalog, one for the document log.
    pub fn in_folder(path: &Path) -> Self {
        Self(Kind::Folder(path.to_owned()))
    }

    /// Opens the catalog's part.
    pub(crate) async fn open_catalog(&self, migrations: &'static [Migration]) -> Result<Db> {
        self.open(CATALOG, "catalog", migrations).await
    }

    /// Opens the document log's part.
    pub(crate) async fn open_documents(&self, migrations: &'static [Migration]) -> Result<Db> {
        self.open(DOCUMENTS, "documents", migrations).await
    }

    async fn open(
        &self,
        file: &str,
        part: &'static str,
        migrations: &'static [Migration],
    ) -> Result<Db> {
        match &self.0 {
            Kind::Folder(folder) => {
                let file = folder.join(file);
                let pools = Pools::open(&file, migrations).await?;
                Ok(Db::Sqlite(pools))
            }
            Kind::Postgres(options) => {
                let pool = postgres::open(options, part, migrations).await?;
                Ok(Db::Postgres(pool))
            }
        }
    }
}

impl FromStr for Database {
    type Err = UnknownDatabase;

    /// Reads `postgres://USER@HOST:PORT/NAME`, with libpq's options as its query.
    fn from_str(url: &str) -> std::result::Result<Self, UnknownDatabase> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UnknownDatabase("it is not a postgres:// address".into()));
        }
        let options = url
            .parse::<PgConnectOptions>()
            // The parser's words may repeat the address and so the password.
            .map_err(|_| UnknownDatabase("a part of it is malformed".into()))?;
        Ok(Self(Kind::Postgres(Box::new(options))))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Folder(folder) => write!(f, "{}", folder.display()),
            Kind::Postgres(options) => {
                let host = options.get_socket().map_or_else(
                    || format!("{}:{}", options.get_host(), options.get_port()),
                    |socket| socket.display().to_string(),
                );
                let name = options.get_database().unwrap_or(options.get_username());
                write!(f, "PostgreSQL {name} at {host}")
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}
