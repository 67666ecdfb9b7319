//! Starting and stopping: the data folder, the listening socket, the drain.

mod certificate;
mod data_dir;
mod edge;
mod kept;
mod metrics_listener;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum_server::Handle;
use store::Accounts as _;
use tokio::net::TcpListener;

pub use data_dir::{DataDir, DataDirError, ServerInfo, open_for_reading};
pub use kept::{KeptIn, open_kept_catalog};

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::identity::session::{MintError, OWNER_PRINCIPAL, mint_sign_in_token};
use crate::routes;
use crate::settings::Settings;
use certificate::Certificate;

/// Why the server cannot start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The arguments do not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The port cannot be listened on.
    #[error(
        "cannot listen on {listen}: {cause}\nHint: {}",
        listen_hint(.cause)
    )]
    Bind {
        /// The address asked for.
        listen: String,
        /// The system's word.
        cause: std::io::Error,
    },
    /// No sign-in link could be made.
    #[error("cannot make a sign-in link: {0}\nHint: check the data directory's disk and rights")]
    Mint(#[from] MintError),
    /// The certificate cannot be used.
    #[error(
        "cannot use the certificate {} with the key {}: {cause}\nHint: both must be PEM files that belong together and that the server may read",
        .cert.display(), .key.display()
    )]
    Certificate {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// What is wrong.
        cause: std::io::Error,
    },
    /// The accept loop ended by an error.
    #[error("the server stopped: {0}\nHint: start it again; its data is kept")]
    Accept(std::io::Error),
}

fn listen_hint(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program uses that port; stop it, or choose another port (port 0 picks a free one)"
        }
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need rights; choose a higher port"
        }
        std::io::ErrorKind::AddrNotAvailable => "that address is not one of this machine's",
        _ => "use ADDR:PORT, for example 127.0.0.1:8080",
    }
}

/// A server that holds its data folder and its port, not yet answering.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    certificate: Option<Certificate>,
    data: DataDir,
}

impl Server {
    /// Takes the data folder and the port.
    ///
    /// # Errors
    /// Each with a hint; nothing keeps running after one.
    pub async fn start(settings: &Settings) -> Result<Self, ServeError> {
        let data = DataDir::open(settings.data.as_deref().ok_or(ConfigError::Data)?)?;
        let listener = bind(&settings.listen).await?;
        let bound = listener.local_addr().map_err(|cause| ServeError::Bind {
            listen: settings.listen.clone(),
            cause,
        })?;
        let config = Config::new(settings, bound)?;
        let certificate = Certificate::load(&settings.tls).await?;
        let metrics = match &settings.metrics_listen {
            Some(listen) => Some(bind(listen).await?),
            None => None,
        };
        let storage = data
            .storage(&config.database, config.bucket.clone())
            .await?;
        data.write_info(&ServerInfo::new(&config))?;
        Ok(Self {
            app: App::new(config, Clock::System, storage),
            listener,
            metrics,
            certificate,
            data,
        })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.app.config().bound
    }

    /// The bound address of the metrics, when they are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// The shared parts.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where the server keeps its data.
    pub fn data(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// A sign-in link when nobody ever signed in by one, so at the first start.
    ///
    /// # Errors
    /// The catalog cannot be used.
    pub async fn first_sign_in_link(&self) -> Result<Option<String>, ServeError> {
        let catalog = self.app.catalog();
        let owner = catalog
            .account(OWNER_PRINCIPAL)
            .await
            .map_err(MintError::from)?;
        if owner.is_some() {
            return Ok(None);
        }
        let token = mint_sign_in_token(catalog, self.app.now_ms()).await?;
        Ok(Some(link(&self.app.config().public.to_string(), &token)))
    }

    /// Answers until `stop` resolves, then drains: no new connections, sockets told, rooms ended.
    ///
    /// # Errors
    /// The accept loop failed.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self {
            app,
            listener,
            metrics,
            certificate,
            data,
        } = self;
        let drain = Duration::from_secs(app.config().settings.drain_seconds);
        let closing = app.closing().clone();
        let handle = Handle::new();
        let serving = tokio::spawn(edge::serve(
            routes::router(app.clone()),
            listener,
            certificate.as_ref().map(Certificate::config),
            handle.clone(),
            app.config().settings.limits.header_bytes,
        ));
        if let Some(listener) = metrics {
            app.tasks()
                .spawn(metrics_listener::serve(app.clone(), listener));
        }
        app.tasks()
            .spawn(certificate::follow(app.clone(), certificate));
        app.tasks().spawn(crate::sweeps::run(app.clone()));
        app.tasks().spawn(crate::collection::run(app.clone()));
        app.tasks().spawn(crate::retention::run(app.clone()));
        app.tasks().spawn(crate::people::watch(app.clone()));
        stop.await;
        tracing::info!("stopping");
        closing.cancel();
        handle.graceful_shutdown(Some(drain));
        app.tasks().close();
        if tokio::time::timeout(drain, app.tasks().wait())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        let ended = tokio::time::timeout(drain, serving).await;
        app.documents().close().await;
        app.catalog().close().await;
        drop(data);
        match ended {
            Ok(Ok(Err(cause))) => Err(ServeError::Accept(cause)),
            Ok(Ok(Ok(())) | Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// Makes a sign-in link for the server that runs on a data folder.
///
/// # Errors
/// No server runs there, or its catalog cannot be used.
pub async fn sign_in_link(settings: &Settings) -> Result<String, ServeError> {
    let info = DataDir::running(settings.data.as_deref().ok_or(ConfigError::Data)?)?;
    let catalog = open_kept_catalog(settings).await?;
    let token = mint_sign_in_token(&catalog, Clock::System.now_ms()).await;
    catalog.close().await;
    Ok(link(&info.url, &token?))
}

fn link(url: &str, token: &str) -> String {
    format!("{url}/sign-in?token={token}")
}

pub(crate) async fn bind(listen: &str) -> Result<TcpListener, ServeError> {
    let port_given = listen
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !port_given {
        return Err(ConfigError::Listen(listen.to_owned()).into());
    }
    TcpListener::bind(listen)
        .await
        .map_err(|cause| ServeError::Bind {
            listen: listen.to_owned(),
            cause,
        })
}
