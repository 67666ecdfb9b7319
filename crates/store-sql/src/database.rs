//! Which database holds the catalog and the document log.

use std::fmt;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use store::Result;
use store::document_log::DOCUMENT_MIGRATIONS;
use store::sql::CATALOG_MIGRATIONS;

use crate::db::postgres::{self, HeldConnection};
use crate::db::sqlite::Pools;
use crate::db::{Db, SoleWriter};

pub(crate) const CATALOG: &str = "catalog.sqlite";
pub(crate) const DOCUMENTS: &str = "documents.sqlite";

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
     Hint: use a form like postgres://USER@HOST:PORT/NAME, and keep the password in a file"
)]
pub struct UnknownDatabase(&'static str);

impl Database {
    /// SQLite files in a folder: one for the catalog, one for the document log.
    pub fn in_folder(path: &Path) -> Self {
        Self(Kind::Folder(path.to_owned()))
    }

    /// A PostgreSQL server, named by `postgres://USER@HOST:PORT/NAME` with libpq's options as its
    /// query. Without a password here, `PGPASSWORD` and the password file of libpq are looked at.
    ///
    /// # Errors
    /// The address cannot be read, or has a password where it would be shown.
    pub fn at(url: &str, password: Option<&str>) -> std::result::Result<Self, UnknownDatabase> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UnknownDatabase("it is not a postgres:// address"));
        }
        if url
            .split_once('?')
            .is_some_and(|(_, query)| query.contains("password="))
        {
            return Err(UnknownDatabase("it has its password among the options"));
        }
        // The parser's words may repeat the address and so the password.
        let malformed = |_| UnknownDatabase("a part of it is malformed");
        let mut options: PgConnectOptions = url.parse().map_err(malformed)?;
        if let Some(password) = password {
            options = options.password(password);
        }
        if options.get_application_name().is_none() {
            options = options.application_name("notebook-cloud");
        }
        Ok(Self(Kind::Postgres(Box::new(options))))
    }

    /// Whether it is a PostgreSQL server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Kind::Postgres(_))
    }

    /// Whether a catalog was made in the folder; a PostgreSQL server is taken to have one.
    pub fn is_there(&self) -> bool {
        match &self.0 {
            Kind::Folder(folder) => folder.join(CATALOG).exists(),
            Kind::Postgres(_) => true,
        }
    }

    /// Opens the catalog's part.
    pub(crate) async fn open_catalog(&self) -> Result<Db> {
        let migrations = CATALOG_MIGRATIONS;
        Ok(match &self.0 {
            Kind::Folder(folder) => {
                Db::Sqlite(Pools::open(&folder.join(CATALOG), migrations).await?)
            }
            Kind::Postgres(options) => {
                Db::Postgres(postgres::open(options, "catalog", migrations).await?)
            }
        })
    }

    /// Opens the document log's part; whoever writes it goes on.
    pub(crate) async fn read_documents(&self) -> Result<Db> {
        let migrations = DOCUMENT_MIGRATIONS;
        Ok(match &self.0 {
            Kind::Folder(folder) => {
                Db::Sqlite(Pools::open(&folder.join(DOCUMENTS), migrations).await?)
            }
            Kind::Postgres(options) => {
                Db::Postgres(postgres::open(options, "documents", migrations).await?)
            }
        })
    }

    /// Opens the document log's part, and takes it for writing.
    pub(crate) async fn open_documents(&self) -> Result<(Db, SoleWriter)> {
        let migrations = DOCUMENT_MIGRATIONS;
        Ok(match &self.0 {
            Kind::Folder(folder) => {
                let pools = Pools::open(&folder.join(DOCUMENTS), migrations).await?;
                (Db::Sqlite(pools.clone()), SoleWriter::Sqlite(pools))
            }
            Kind::Postgres(options) => {
                let pool = postgres::open(options, "documents", migrations).await?;
                let held = HeldConnection::take(options).await?;
                (Db::Postgres(pool), SoleWriter::Postgres(Box::new(held)))
            }
        })
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
