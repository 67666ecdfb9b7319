//! What the server was told, checked, with the addresses that follow from it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use blob_store::BucketConfig;
use ipnet::IpNet;
use store_sql::Database;

use crate::identity::oidc::{OidcConfig, OidcError};
use crate::origin::Origin;
use crate::settings::{CLOSE_IT, S3Error, Settings, is_open_to_others};

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no default for the data folder.
    #[error(
        "no data directory is named\nHint: give --data DIR, or set `data` in the configuration file"
    )]
    Data,
    /// The database's address cannot be read.
    #[error(transparent)]
    Database(#[from] store_sql::UnknownDatabase),
    /// The database's password cannot be read.
    #[error(
        "cannot read the database's password from {}: {cause}\nHint: name a file that the server may read in `database_password_file`",
        .path.display()
    )]
    DatabasePassword {
        /// The file.
        path: PathBuf,
        /// The system's word.
        cause: std::io::Error,
    },
    /// The database's password is no secret.
    #[error(
        "cannot use database_password_file {}: others can read it\nHint: {CLOSE_IT}",
        .0.display()
    )]
    OpenPassword(PathBuf),
    /// Half of a certificate.
    #[error(
        "a certificate and its key belong together, and only `{0}` is set\nHint: give both --tls-cert and --tls-key, or neither"
    )]
    Tls(&'static str),
    /// A proxy that is no address.
    #[error(
        "`{0}` in proxy.trusted is no address or network\nHint: use forms like 127.0.0.1 or 10.0.0.0/8"
    )]
    Proxy(String),
    /// The listening address cannot be understood.
    #[error(
        "cannot listen on `{0}`: not an address and port\nHint: use ADDR:PORT, for example 127.0.0.1:8080"
    )]
    Listen(String),
    /// The development identity away from loopback.
    #[error(
        "--dev-identity lets anybody be anybody, and {0} can be reached from other machines\nHint: listen on 127.0.0.1, or leave --dev-identity out and use `notebook-cloud sign-in-link`"
    )]
    DevIdentityNotLoopback(SocketAddr),
    /// `--public-url` is not a web address.
    #[error(
        "--public-url `{0}` is not an http or https address\nHint: use a form like https://notebooks.example.org"
    )]
    PublicUrl(String),
    /// `--output-origin` is not an origin.
    #[error(
        "--output-origin `{0}` is not an http or https origin\nHint: use a form like https://outputs.example.org"
    )]
    OutputOrigin(String),
    /// The place of the newest builds is not a web address.
    #[error(
        "workstation.latest_build_base_url `{0}` is not an http or https address\nHint: use a form like https://releases.example.org, or leave it out to look up nothing"
    )]
    LatestBuilds(String),
    /// The provider's settings do not fit.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The bucket's settings do not fit.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// Pages and outputs on one host.
    #[error(
        "outputs must live on another host than the page, and both are on {0}\nHint: give --output-origin another host name that reaches this server"
    )]
    OutputHost(String),
}

/// The checked settings of a running server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bound address.
    pub bound: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// What holds accounts and documents.
    pub database: Database,
    /// What holds the bytes of blobs; none means the data folder.
    pub bucket: Option<BucketConfig>,
    /// Whether the development identity is accepted.
    pub dev_identity: bool,
    /// The origin people use.
    pub public: Origin,
    /// The origin of output frames; none means rich outputs cannot be shown safely.
    pub output: Option<Origin>,
    /// The proxies that may say who the client is.
    pub proxies: Vec<IpNet>,
    /// The settings as they were given.
    pub settings: Settings,
    /// The provider that people sign in by, if there is one.
    pub oidc: Option<OidcConfig>,
    /// Where the newest builds are looked up, without a slash at its end; none looks up nothing.
    pub latest_builds: Option<String>,
    /// The folder of what is offered to other machines; it need not be there.
    pub downloads: PathBuf,
}

impl Config {
    /// Checks the settings against the address that was really bound.
    pub fn new(settings: &Settings, bound: SocketAddr) -> Result<Self, ConfigError> {
        let data = settings.data.clone().ok_or(ConfigError::Data)?;
        let encrypts = match (&settings.tls.cert, &settings.tls.key) {
            (Some(_), Some(_)) => true,
            (None, None) => false,
            (Some(_), None) => return Err(ConfigError::Tls("tls.cert")),
            (None, Some(_)) => return Err(ConfigError::Tls("tls.key")),
        };
        let loopback = bound.ip().is_loopback();
        if settings.dev_identity && !loopback {
            return Err(ConfigError::DevIdentityNotLoopback(bound));
        }
        let scheme = if encrypts { "https" } else { "http" };
        let public = match &settings.public_url {
            Some(text) => {
                Origin::parse(text).ok_or_else(|| ConfigError::PublicUrl(text.clone()))?
            }
            None => Origin::from_authority(scheme, &bound.to_string())
                .ok_or_else(|| ConfigError::Listen(settings.listen.clone()))?,
        };
        let output = match &settings.output_origin {
            Some(text) => {
                Some(Origin::parse(text).ok_or_else(|| ConfigError::OutputOrigin(text.clone()))?)
            }
            None if public.is_loopback() && public.host() != "localhost" => {
                Origin::from_authority(scheme, &format!("localhost:{}", bound.port()))
            }
            None => None,
        };
        if let Some(output) = &output
            && output.host() == public.host()
        {
            return Err(ConfigError::OutputHost(public.host().to_owned()));
        }
        Ok(Self {
            bound,
            database: database(settings)?,
            downloads: downloads(settings, &data),
            bucket: bucket(settings)?,
            data,
            dev_identity: settings.dev_identity,
            public,
            output,
            proxies: proxies(&settings.proxy.trusted)?,
            settings: settings.clone(),
            oidc: settings.oidc.check()?,
            latest_builds: latest_builds(settings.workstation.latest_build_base_url.as_deref())?,
        })
    }

    /// What works, but perhaps not as it was meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.bound.ip().is_unspecified() && self.settings.public_url.is_none() {
            warnings.push(format!(
                "the server listens on every address, and links will name {}\n\
                 Hint: give --public-url with the address people use",
                self.public
            ));
        }
        if !self.public.is_https() && !self.public.is_loopback() {
            warnings.push(format!(
                "{} is not encrypted: whoever shares the network can read and act as anybody\n\
                 Hint: use https (--tls-cert and --tls-key, or a proxy), see docs/deploy.md",
                self.public
            ));
        }
        if let Some(bucket) = &self.bucket
            && let Some(origin) = Origin::parse(&bucket.place())
            && !origin.is_https()
            && !origin.is_loopback()
        {
            warnings.push(format!(
                "{origin} is not encrypted: whoever shares the network can read the blobs on their way there\n\
                 Hint: use an https address in s3.endpoint"
            ));
        }
        match &self.output {
            None => warnings.push(
                "no output origin: HTML and SVG outputs will not be shown\n\
                 Hint: give --output-origin another host name that reaches this server"
                    .into(),
            ),
            Some(output) if output.is_https() != self.public.is_https() => warnings.push(format!(
                "the page is at {} and outputs are at {output}: browsers refuse to mix http and https\n\
                 Hint: use the same scheme for both",
                self.public
            )),
            Some(_) => {}
        }
        warnings
    }
}

/// What holds accounts and documents: the PostgreSQL that is named, or files in the data folder.
///
/// # Errors
/// No data folder is named, the address cannot be read, or the password's file.
pub fn database(settings: &Settings) -> Result<Database, ConfigError> {
    let data = settings.data.as_deref().ok_or(ConfigError::Data)?;
    let Some(url) = &settings.database else {
        return Ok(Database::in_folder(data));
    };
    let password = match &settings.database_password_file {
        None => None,
        Some(path) => Some(password_in(path)?),
    };
    let password = password
        .as_deref()
        .map(|text| text.trim_end_matches(['\r', '\n']));
    Ok(Database::at(url, password)?)
}

fn password_in(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |cause| ConfigError::DatabasePassword {
        path: path.to_owned(),
        cause,
    };
    if is_open_to_others(path).map_err(unreadable)? {
        return Err(ConfigError::OpenPassword(path.to_owned()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// What holds the bytes of blobs: the bucket that is named, or none.
///
/// # Errors
/// Each with a hint.
pub fn bucket(settings: &Settings) -> Result<Option<BucketConfig>, ConfigError> {
    Ok(settings.s3.check()?)
}

/// The folder that was named, or one in the data folder.
fn downloads(settings: &Settings, data: &Path) -> PathBuf {
    let named = settings.downloads.clone();
    named.unwrap_or_else(|| data.join("downloads"))
}

fn latest_builds(given: Option<&str>) -> Result<Option<String>, ConfigError> {
    const OFF: [&str; 4] = ["", "disabled", "off", "none"];
    let base = given.unwrap_or_default().trim().trim_end_matches('/');
    if OFF.iter().any(|off| base.eq_ignore_ascii_case(off)) {
        return Ok(None);
    }
    match reqwest::Url::parse(base) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(base.to_owned())),
        Ok(_) | Err(_) => Err(ConfigError::LatestBuilds(base.to_owned())),
    }
}

fn proxies(given: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let one = |text: &String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse()
            .or_else(|_| address())
            .map_err(|_| ConfigError::Proxy(text.clone()))
    };
    given.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
