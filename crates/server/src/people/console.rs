//! What the server's console does with people, beside a running server or without one.

use std::fmt;
use std::path::PathBuf;

use control_plane::{Refusal, people};
use serde_json::{Value, json};
use store::{People as _, Person, StoreError};
use store_sql::SqlCatalog;
use wire::UnixMs;

use crate::clock::Clock;
use crate::config::ConfigError;
use crate::serve::{DataDirError, ServeError, open_kept_catalog};
use crate::settings::Settings;

/// Why the console could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The settings do not say where the catalog is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalog cannot be opened.
    #[error(transparent)]
    Catalog(#[from] ServeError),
    /// The documents cannot be opened.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The catalog cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The folder for an export cannot be used.
    #[error("cannot write to {}: {cause}\nHint: name a folder that is absent or empty, where there is room", .path.display())]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// The system's word.
        cause: std::io::Error,
    },
    /// Nobody of that name.
    #[error(
        "nobody here is called `{0}`\nHint: `notebook-cloud person list` shows everybody, by principal and e-mail address"
    )]
    Unknown(String),
    /// Several people of that address.
    #[error(
        "several people have the address `{0}`\nHint: name the principal, as `notebook-cloud person list` shows it"
    )]
    Several(String),
}

/// A server's catalog, with the console's rights.
#[derive(Debug)]
pub struct Console {
    catalog: SqlCatalog,
}

/// A person as a line or as JSON.
#[derive(Debug)]
pub struct Shown(Person);

impl Console {
    /// Opens the catalog of the server with these settings.
    ///
    /// # Errors
    /// No data folder is named, or the catalog cannot be opened.
    pub async fn open(settings: &Settings) -> Result<Self, ConsoleError> {
        let catalog = open_kept_catalog(settings).await?;
        Ok(Self { catalog })
    }

    pub(super) fn catalog(&self) -> &SqlCatalog {
        &self.catalog
    }

    /// Closes it.
    pub async fn close(self) {
        self.catalog.close().await;
    }

    /// Everybody, by principal.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub async fn people(&self) -> Result<Vec<Shown>, ConsoleError> {
        Ok(self
            .catalog
            .people()
            .await?
            .into_iter()
            .map(Shown)
            .collect())
    }

    /// Disables a person; their principal, and whether they were not disabled before.
    ///
    /// # Errors
    /// Nobody of that name; the catalog cannot be used.
    pub async fn disable(&self, name: &str) -> Result<(String, bool), ConsoleError> {
        let principal = self.find(name).await?;
        let new = people::disable(&self.catalog, &principal, now()).await?;
        Ok((principal, new))
    }

    /// Lets a person sign in again; their principal, and whether they were disabled.
    ///
    /// # Errors
    /// Nobody of that name; the catalog cannot be used.
    pub async fn enable(&self, name: &str) -> Result<(String, bool), ConsoleError> {
        let principal = self.find(name).await?;
        let done = people::enable(&self.catalog, &principal, now()).await?;
        Ok((principal, done))
    }

    /// Makes `to` the owner of what `from` owns; the new owner's principal and the notebooks.
    ///
    /// # Errors
    /// Nobody of those names; the catalog cannot be used.
    pub async fn hand_over(
        &self,
        from: &str,
        to: &str,
    ) -> Result<(String, Vec<String>), ConsoleError> {
        let (from, to) = (self.find(from).await?, self.find(to).await?);
        let notebooks = people::hand_over(&self.catalog, &from, &to, now()).await?;
        Ok((to, notebooks))
    }

    /// The principal that a person's name stands for.
    pub(super) async fn find(&self, name: &str) -> Result<String, ConsoleError> {
        let people = self.catalog.people().await?;
        if people.iter().any(|person| person.principal == name) {
            return Ok(name.to_owned());
        }
        let email = people::normalise_email(name);
        let mut called = people
            .into_iter()
            .filter(|person| email.is_some() && person.email == email);
        match (called.next(), called.next()) {
            (Some(person), None) => Ok(person.principal),
            (Some(_), Some(_)) => Err(ConsoleError::Several(name.to_owned())),
            (None, _) => Err(ConsoleError::Unknown(name.to_owned())),
        }
    }
}

impl Shown {
    /// The person as JSON.
    pub fn to_json(&self) -> Value {
        let person = &self.0;
        json!({
            "principal": person.principal,
            "provider": person.provider,
            "display_name": person.display_name,
            "email": person.email,
            "last_seen_at": person.last_seen_ms.map(UnixMs),
            "disabled_at": person.disabled_ms.map(UnixMs),
            "notebooks": person.notebooks,
            "workstations": person.workstations,
        })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let person = &self.0;
        write!(f, "{}", person.principal)?;
        for text in [&person.display_name, &person.email].into_iter().flatten() {
            write!(f, "  {text}")?;
        }
        write!(
            f,
            "  owns {} notebooks, {} workstations",
            person.notebooks, person.workstations
        )?;
        match person.disabled_ms {
            Some(at) => write!(f, ", disabled {}", UnixMs(at)),
            None => Ok(()),
        }
    }
}

pub(super) fn now() -> i64 {
    Clock::System.now_ms()
}
