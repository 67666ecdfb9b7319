//! One door to both databases: the same SQL text and the same calls, whichever holds the data.
//!
//! A statement is started on the reading side, the writing side or a transaction, gets its
//! parameters, and ends in [`Statement::execute`], [`Statement::optional`], [`Statement::one`] or
//! [`Statement::all`]. Each names what was being done, for the error. Only this module and those
//! below it know a driver.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use sqlx::postgres::{PgDatabaseError, PgPool, PgRow};
use sqlx::sqlite::SqliteRow;
use sqlx::{
    ColumnIndex, Connection as _, Database, Decode, Encode, Pool, Postgres, SqlSafeStr, Sqlite,
    Type,
};
use store::{Result, StoreError};

/// The connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// One writing connection and several reading ones on a file.
    Sqlite(sqlite::Pools),
    /// Connections to a PostgreSQL server.
    Postgres(PgPool),
}

impl Db {
    /// Starts a statement that only reads.
    pub(crate) fn read(&self, sql: impl SqlSafeStr, doing: &'static str) -> Statement<'_> {
        let on = match self {
            Self::Sqlite(pools) => On::SqlitePool(pools.readers(), sqlx::query(sql)),
            Self::Postgres(pool) => On::PostgresPool(pool, sqlx::query(sql)),
        };
        Statement::new(doing, on)
    }

    /// Starts a statement that writes and is a transaction by itself.
    pub(crate) fn write(&self, sql: impl SqlSafeStr, doing: &'static str) -> Statement<'_> {
        let on = match self {
            Self::Sqlite(pools) => On::SqlitePool(pools.writer(), sqlx::query(sql)),
            Self::Postgres(pool) => On::PostgresPool(pool, sqlx::query(sql)),
        };
        Statement::new(doing, on)
    }

    /// Starts a transaction that may write. On both databases one such transaction runs after the
    /// other, so that what it read still holds when it writes.
    pub(crate) async fn begin(&self, doing: &'static str) -> Result<Transaction<'static>> {
        let on = match self {
            Self::Sqlite(pools) => TransactionOn::Sqlite(pools.begin().await?),
            Self::Postgres(pool) => TransactionOn::Postgres(postgres::begin_alone(pool).await?),
        };
        Ok(Transaction { doing, on })
    }

    /// Starts a transaction that sees one moment of the database and only reads.
    pub(crate) async fn begin_reading(&self, doing: &'static str) -> Result<Transaction<'static>> {
        let on = match self {
            Self::Sqlite(pools) => {
                TransactionOn::Sqlite(pools.readers().begin().await.map_err(failed(doing))?)
            }
            Self::Postgres(pool) => TransactionOn::Postgres(postgres::begin_reading(pool).await?),
        };
        Ok(Transaction { doing, on })
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pools) => pools.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// What the document log writes through: one connection, and nobody else has one like it.
pub(crate) enum SoleWriter {
    /// The writing connection; the data folder's lock keeps others away.
    Sqlite(sqlite::Pools),
    /// A connection that holds a lock of the database.
    Postgres(Box<postgres::HeldConnection>),
}

impl SoleWriter {
    /// Starts a statement that is a transaction by itself.
    pub(crate) async fn write(
        &mut self,
        sql: impl SqlSafeStr,
        doing: &'static str,
    ) -> Result<Statement<'_>> {
        let on = match self {
            Self::Sqlite(pools) => On::SqlitePool(pools.writer(), sqlx::query(sql)),
            Self::Postgres(held) => On::Postgres(held.ready().await?, sqlx::query(sql)),
        };
        Ok(Statement::new(doing, on))
    }

    /// Starts a transaction.
    pub(crate) async fn begin(&mut self, doing: &'static str) -> Result<Transaction<'_>> {
        let on = match self {
            Self::Sqlite(pools) => TransactionOn::Sqlite(pools.begin().await?),
            Self::Postgres(held) => {
                let open = held.ready().await?.begin().await;
                TransactionOn::Postgres(open.map_err(failed("start a transaction"))?)
            }
        };
        Ok(Transaction { doing, on })
    }

    /// Whether the database is PostgreSQL, where statements must differ.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// After a failure: the connection is not trusted any more.
    pub(crate) fn distrust(&mut self) {
        if let Self::Postgres(held) = self {
            held.drop_connection();
        }
    }

    /// Lets others write.
    pub(crate) async fn close(self) {
        if let Self::Postgres(held) = self {
            held.close().await;
        }
    }
}

/// An open transaction; rolled back when dropped.
pub(crate) struct Transaction<'c> {
    doing: &'static str,
    on: TransactionOn<'c>,
}

enum TransactionOn<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    Postgres(sqlx::Transaction<'c, Postgres>),
}

impl Transaction<'_> {
    /// Starts a statement in the transaction.
    pub(crate) fn run(&mut self, sql: impl SqlSafeStr) -> Statement<'_> {
        let on = match &mut self.on {
            TransactionOn::Sqlite(open) => On::Sqlite(open, sqlx::query(sql)),
            TransactionOn::Postgres(open) => On::Postgres(open, sqlx::query(sql)),
        };
        Statement::new(self.doing, on)
    }

    /// Whether the database is PostgreSQL, where statements must differ.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.on, TransactionOn::Postgres(_))
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<()> {
        let done = match self.on {
            TransactionOn::Sqlite(open) => open.commit().await,
            TransactionOn::Postgres(open) => open.commit().await,
        };
        done.map_err(failed(self.doing))
    }
}

type Query<D> = sqlx::query::Query<'static, D, <D as Database>::Arguments>;

/// A statement with its parameters and where it will run.
#[must_use = "a statement does nothing until it is executed"]
pub(crate) struct Statement<'a> {
    doing: &'static str,
    on: On<'a>,
    /// A text among the parameters holds what PostgreSQL cannot store.
    nul: bool,
}

enum On<'a> {
    SqlitePool(&'a Pool<Sqlite>, Query<Sqlite>),
    Sqlite(&'a mut sqlx::SqliteConnection, Query<Sqlite>),
    PostgresPool(&'a PgPool, Query<Postgres>),
    Postgres(&'a mut sqlx::PgConnection, Query<Postgres>),
}

/// Changes the query inside, whichever driver's it is.
macro_rules! change {
    ($on:expr, $query:ident => $changed:expr) => {
        match $on {
            On::SqlitePool(pool, $query) => On::SqlitePool(pool, $changed),
            On::Sqlite(open, $query) => On::Sqlite(open, $changed),
            On::PostgresPool(pool, $query) => On::PostgresPool(pool, $changed),
            On::Postgres(open, $query) => On::Postgres(open, $changed),
        }
    };
}

/// Runs the query inside where it was started; the rows or the outcome of either driver go
/// through the same last expression.
macro_rules! run {
    ($on:expr, $method:ident, $done:ident => $sqlite:expr, $postgres:expr) => {
        match $on {
            On::SqlitePool(pool, query) => query.$method(pool).await.map(|$done| $sqlite),
            On::Sqlite(open, query) => query.$method(open).await.map(|$done| $sqlite),
            On::PostgresPool(pool, query) => query.$method(pool).await.map(|$done| $postgres),
            On::Postgres(open, query) => query.$method(open).await.map(|$done| $postgres),
        }
    };
}

impl<'a> Statement<'a> {
    fn new(doing: &'static str, on: On<'a>) -> Self {
        Self {
            doing,
            on,
            nul: false,
        }
    }

    /// What runs, if every parameter can be stored.
    fn ready(self) -> Result<On<'a>> {
        if self.nul {
            Err(StoreError::Nul)
        } else {
            Ok(self.on)
        }
    }

    /// Sets the next parameter.
    pub(crate) fn bind<'t, T: Parameter<'t>>(self, value: T) -> Self {
        let nul = self.nul || value.holds_nul();
        let on = change!(self.on, query => query.bind(value));
        Self { on, nul, ..self }
    }

    /// Whether the connection keeps the statement prepared; it does unless told otherwise.
    pub(crate) fn keep_prepared(self, keep: bool) -> Self {
        let on = change!(self.on, query => query.persistent(keep));
        Self { on, ..self }
    }

    /// Runs it; how many rows it touched.
    pub(crate) async fn execute(self) -> Result<u64> {
        let doing = self.doing;
        run!(self.ready()?, execute, done => done.rows_affected(), done.rows_affected())
            .map_err(failed(doing))
    }

    /// Runs it; the row it found, if any.
    pub(crate) async fn optional<T>(self, map: impl Fn(&Row) -> Result<T>) -> Result<Option<T>> {
        let doing = self.doing;
        let found = run!(self.ready()?, fetch_optional, row =>
            row.map(|row| Row { doing, of: RowOf::Sqlite(row) }),
            row.map(|row| Row { doing, of: RowOf::Postgres(row) }));
        found.map_err(failed(doing))?.as_ref().map(map).transpose()
    }

    /// Runs it; the row it must find.
    pub(crate) async fn one<T>(self, map: impl Fn(&Row) -> Result<T>) -> Result<T> {
        let doing = self.doing;
        let row = self.optional(map).await?;
        row.ok_or_else(|| failed(doing)(sqlx::Error::RowNotFound))
    }

    /// Runs it; every row it found.
    pub(crate) async fn all<T>(self, map: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
        let doing = self.doing;
        let found: sqlx::Result<Vec<Row>> = run!(self.ready()?, fetch_all, rows =>
            rows.into_iter().map(|row| Row { doing, of: RowOf::Sqlite(row) }).collect(),
            rows.into_iter().map(|row| Row { doing, of: RowOf::Postgres(row) }).collect());
        found.map_err(failed(doing))?.iter().map(map).collect()
    }

    /// Runs an insert of `rows` rows into a table numbered by its database; their numbers, in order.
    /// On PostgreSQL the statement must return the number as its only column.
    pub(crate) async fn numbers(self, rows: usize) -> Result<Vec<i64>> {
        let doing = self.doing;
        match self.ready()? {
            // The one writer numbers the rows of a statement one after the other.
            On::SqlitePool(pool, query) => query.execute(pool).await.map(|done| {
                let last = done.last_insert_rowid();
                (last - rows as i64 + 1..=last).collect()
            }),
            On::Sqlite(open, query) => query.execute(open).await.map(|done| {
                let last = done.last_insert_rowid();
                (last - rows as i64 + 1..=last).collect()
            }),
            on => {
                return Statement::new(doing, on).all(|row| row.get(0)).await;
            }
        }
        .map_err(failed(doing))
    }
}

/// A row as either driver returned it.
pub(crate) struct Row {
    doing: &'static str,
    of: RowOf,
}

enum RowOf {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A column by its name or place.
    pub(crate) fn get<T: Column>(&self, column: impl Place) -> Result<T> {
        use sqlx::Row as _;
        match &self.of {
            RowOf::Sqlite(row) => row.try_get(column),
            RowOf::Postgres(row) => row.try_get(column),
        }
        .map_err(failed(self.doing))
    }
}

/// What both databases take as a parameter.
pub(crate) trait Parameter<'t>:
    Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>
{
    /// Whether it is a text with the character NUL, which SQLite would store and PostgreSQL not.
    fn holds_nul(&self) -> bool {
        false
    }
}

impl Parameter<'_> for i64 {}
impl Parameter<'_> for bool {}
impl Parameter<'_> for Option<i64> {}
impl Parameter<'_> for Option<bool> {}
impl<'t> Parameter<'t> for &'t [u8] {}
impl Parameter<'_> for Vec<u8> {}

macro_rules! text {
    ($($kind:ty),*) => {
        $(impl<'t> Parameter<'t> for $kind {
            fn holds_nul(&self) -> bool {
                self.contains('\0')
            }
        }
        impl<'t> Parameter<'t> for Option<$kind> {
            fn holds_nul(&self) -> bool {
                self.as_ref().is_some_and(|text| text.contains('\0'))
            }
        })*
    };
}

text!(&'t str, String, &'t String);

impl<'t> Parameter<'t> for &'t Option<String> {
    fn holds_nul(&self) -> bool {
        self.as_ref().is_some_and(|text| text.contains('\0'))
    }
}

/// What both databases return in a column.
pub(crate) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}
impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

/// What names a column of either database's rows.
pub(crate) trait Place: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> {}
impl<T: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>> Place for T {}

/// Turns a driver's error into storage's, naming what was being done.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| {
        let (retryable, full) = match &source {
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => (true, false),
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                if error.try_downcast_ref::<PgDatabaseError>().is_some() {
                    (postgres::is_retryable(&code), postgres::is_full(&code))
                } else {
                    (sqlite::is_retryable(&code), sqlite::is_full(&code))
                }
            }
            _ => (false, false),
        };
        let source = Box::new(source);
        if full {
            return StoreError::Full { operation, source };
        }
        StoreError::Database {
            operation,
            retryable,
            source,
        }
    }
}
