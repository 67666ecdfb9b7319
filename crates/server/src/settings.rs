//! Everything a server can be told, with its default; [`load`] says where each value came from.
//!
//! A setting is a field here and nothing else: its key in the file (`limits.json_body_bytes`), its
//! environment variable (`NOTEBOOK_CLOUD_LIMITS_JSON_BODY_BYTES`), its default and its line in
//! `notebook-cloud config check` follow from it. Units are in the names.

mod layers;
mod s3;
mod secret_file;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::identity::oidc::OidcSettings;

pub use layers::{Flag, Loaded, Shown, Source, environment_name, load};
pub use s3::{S3Error, S3Settings};
pub(crate) use secret_file::{CLOSE_IT, is_open_to_others};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The settings of `notebook-cloud serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Address and port to listen on; port 0 lets the system choose.
    pub listen: String,
    /// The folder that holds everything the server keeps; there is no default.
    pub data: Option<PathBuf>,
    /// The PostgreSQL for accounts and documents, `postgres://USER@HOST:PORT/NAME`; none means
    /// SQLite files in the data folder.
    pub database: Option<String>,
    /// A file that holds the database's password and nothing else.
    pub database_password_file: Option<PathBuf>,
    /// The folder of what is offered to other machines, with its `manifest.json`; none means
    /// `downloads` in the data folder, where there is one.
    pub downloads: Option<PathBuf>,
    /// A bucket for the bytes of blobs; without one they are in the data folder.
    pub s3: S3Settings,
    /// Accept the development identity (CP 1.7); loopback only.
    pub dev_identity: bool,
    /// The address people reach the server at, when it is not the listening address.
    pub public_url: Option<String>,
    /// The origin that output frames are served from; another host than the page's.
    pub output_origin: Option<String>,
    /// Address and port of the listener that answers `/metrics`; none means no metrics.
    pub metrics_listen: Option<String>,
    /// How long open sockets and rooms get to end when the server stops.
    pub drain_seconds: u64,
    /// The OpenID Connect provider that people sign in by.
    pub oidc: OidcSettings,
    /// Encryption by this server itself.
    pub tls: TlsSettings,
    /// Reverse proxies before this server.
    pub proxy: ProxySettings,
    /// The log on standard error.
    pub log: LogSettings,
    /// What people are told of their workstations.
    pub workstation: WorkstationSettings,
    /// What one caller may take.
    pub limits: LimitSettings,
    /// How long records are kept.
    pub retention: RetentionSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            data: None,
            database: None,
            database_password_file: None,
            downloads: None,
            s3: S3Settings::default(),
            dev_identity: false,
            public_url: None,
            output_origin: None,
            metrics_listen: None,
            drain_seconds: 10,
            oidc: OidcSettings::default(),
            tls: TlsSettings::default(),
            proxy: ProxySettings::default(),
            log: LogSettings::default(),
            workstation: WorkstationSettings::default(),
            limits: LimitSettings::default(),
            retention: RetentionSettings::default(),
        }
    }
}

/// Certificate and key files; both or none. They are read again when they change and on SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsSettings {
    /// The certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// The private key, PEM.
    pub key: Option<PathBuf>,
}

/// Which proxies may say who the client is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxySettings {
    /// Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` and `X-Forwarded-Host` count.
    pub trusted: Vec<String>,
}

/// The log on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSettings {
    /// Lines for people or one JSON object per line.
    pub format: LogFormat,
    /// What is logged, in the words of `RUST_LOG`, which goes before it.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".into(),
        }
    }
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What people are told of their workstations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkstationSettings {
    /// Where `<channel>-latest/latest.json` names the newest build (CP 2.15); blank, `off`, `none`
    /// or `disabled` looks up nothing; unset, the newest `runt` among the downloads counts.
    pub latest_build_base_url: Option<String>,
}

/// What one caller may take; past it the answer is 413, 429, 431 or 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitSettings {
    /// The most bytes of a JSON body.
    pub json_body_bytes: u64,
    /// The most bytes of a body that brings a notebook's content.
    pub notebook_body_bytes: u64,
    /// The most bytes of one blob.
    pub blob_bytes: u64,
    /// The most bytes of a request's address and headers together.
    pub header_bytes: u64,
    /// Requests answered at one time; WebSockets do not count.
    pub requests_in_flight: u64,
    /// Of these, requests of one address.
    pub address_requests_in_flight: u64,
    /// Requests of one address, on average.
    pub address_requests_per_second: u32,
    /// Requests of one address at once, after a pause.
    pub address_request_burst: u32,
    /// Requests of one person or of their machines, on average.
    pub principal_requests_per_second: u32,
    /// Requests of one person or of their machines at once, after a pause.
    pub principal_request_burst: u32,
    /// Open room sockets of one person and their machines.
    pub room_sockets_per_principal: u64,
    /// Open room sockets of people without an account at one address.
    pub room_sockets_per_anonymous_address: u64,
    /// Open event sockets of one person's machines.
    pub event_sockets_per_principal: u64,
    /// Pairing codes of one owner that are neither used nor expired.
    pub pairing_codes_per_owner: u64,
    /// Notebooks of one owner, the trash included.
    pub notebooks_per_owner: u64,
    /// With less free space in the data folder the server is not ready.
    pub disk_free_bytes: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            json_body_bytes: MIB,
            notebook_body_bytes: 32 * MIB,
            blob_bytes: 256 * MIB,
            header_bytes: 32 * KIB,
            requests_in_flight: 1024,
            address_requests_in_flight: 256,
            address_requests_per_second: 2000,
            address_request_burst: 10_000,
            principal_requests_per_second: 2000,
            principal_request_burst: 10_000,
            room_sockets_per_principal: 512,
            room_sockets_per_anonymous_address: 128,
            event_sockets_per_principal: 20_000,
            pairing_codes_per_owner: 100,
            notebooks_per_owner: 10_000,
            disk_free_bytes: 256 * MIB,
        }
    }
}

/// How long records are kept after they have served; 0 keeps them for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionSettings {
    /// Lines of the audit trail.
    pub audit_days: u32,
    /// Attach jobs that ended.
    pub ended_job_days: u32,
    /// Browser sessions that ended.
    pub ended_session_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            audit_days: 365,
            ended_job_days: 90,
            ended_session_days: 30,
        }
    }
}

#[cfg(test)]
mod tests;
