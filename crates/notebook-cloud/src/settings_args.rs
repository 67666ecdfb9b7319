//! The flags that set something, and the place where the rest is set.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use server::settings::{Flag, Loaded, Settings, load};

/// The variable that names the configuration file.
const CONFIG: &str = "NOTEBOOK_CLOUD_CONFIG";

/// Where settings come from; every command that uses the data directory takes these.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Configuration file (TOML); flags and environment go before it.
    #[arg(long, value_name = "FILE", env = CONFIG)]
    config: Option<PathBuf>,
    /// Directory for everything the server keeps; made when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL for accounts and documents, postgres://USER@HOST:PORT/NAME, without its password
    /// (see database_password_file). [default: SQLite files in the data directory]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Any setting by its key, for example --set limits.blob_bytes=1000000.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The settings that have a flag of their own.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Address and port to listen on; port 0 picks a free one. [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Accept the development identity from anybody on this machine; loopback only.
    #[arg(long)]
    dev_identity: bool,
    /// The address people reach the server at, when it differs from the listening address.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The origin that output frames are served from; another host than the page's.
    #[arg(long, value_name = "URL")]
    output_origin: Option<String>,
    /// The OpenID Connect provider that people sign in by; its secret goes into the environment.
    #[arg(long, value_name = "URL")]
    oidc_issuer: Option<String>,
    /// What the provider calls this server.
    #[arg(long, value_name = "ID")]
    oidc_client_id: Option<String>,
    /// Address and port that answers /metrics; without it there are none.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics_listen: Option<String>,
    /// Certificate chain (PEM); read again when it changes.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The log's form: text or json.
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
}

impl PlaceArgs {
    /// Reads file and environment and puts the flags on top.
    pub fn load(&self) -> Result<Loaded> {
        self.load_with(Vec::new())
    }

    /// The settings, for commands that need no more than the place.
    pub fn settings(&self) -> Result<Settings> {
        Ok(accepted(self.load()?)?.settings)
    }

    fn load_with(&self, more: Vec<Flag>) -> Result<Loaded> {
        let mut flags = Vec::new();
        for text in &self.set {
            let Some((key, value)) = text.split_once('=') else {
                bail!(
                    "--set {text}: no `=`\nHint: use a form like --set limits.blob_bytes=1000000"
                );
            };
            flags.push(Flag {
                key: key.trim().to_owned(),
                name: "--set".to_owned(),
                value: value.to_owned(),
            });
        }
        flags.extend(path_flag("data", "--data", self.data.as_ref()));
        flags.extend(self.database.as_ref().map(|url| Flag {
            key: "database".to_owned(),
            name: "--database".to_owned(),
            value: url.clone(),
        }));
        flags.extend(more);
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name != CONFIG);
        Ok(load(self.config.as_deref(), environment, &flags))
    }
}

impl SettingsArgs {
    /// Reads file and environment and puts the flags on top.
    pub fn load(&self) -> Result<Loaded> {
        let text = |key: &str, name: &str, value: &Option<String>| {
            let value = value.clone()?;
            Some(Flag {
                key: key.to_owned(),
                name: name.to_owned(),
                value,
            })
        };
        let dev_identity = self.dev_identity.then(|| "true".to_owned());
        let flags = [
            text("listen", "--listen", &self.listen),
            text("dev_identity", "--dev-identity", &dev_identity),
            text("public_url", "--public-url", &self.public_url),
            text("output_origin", "--output-origin", &self.output_origin),
            text("oidc.issuer", "--oidc-issuer", &self.oidc_issuer),
            text("oidc.client_id", "--oidc-client-id", &self.oidc_client_id),
            text("metrics_listen", "--metrics-listen", &self.metrics_listen),
            path_flag("tls.cert", "--tls-cert", self.tls_cert.as_ref()),
            path_flag("tls.key", "--tls-key", self.tls_key.as_ref()),
            text("log.format", "--log-format", &self.log_format),
        ];
        self.place.load_with(flags.into_iter().flatten().collect())
    }
}

fn path_flag(key: &str, name: &str, path: Option<&PathBuf>) -> Option<Flag> {
    let value = path?.to_str()?.to_owned();
    Some(Flag {
        key: key.to_owned(),
        name: name.to_owned(),
        value,
    })
}

/// The settings, unless something is wrong with them.
pub fn accepted(loaded: Loaded) -> Result<Loaded> {
    if loaded.problems.is_empty() {
        return Ok(loaded);
    }
    bail!("{}", loaded.problems.join("\nerror: "))
}
