//! How this machine reaches a cloud: proxies, certificates and connections, the same for HTTP calls and WebSockets.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use crate::BaseUrl;
use crate::proxy::{Proxies, Proxy, ProxyError};
use crate::trust::Trust;

/// Names a file of certificate authorities that count besides the system's.
pub const CA_FILE_VARIABLE: &str = "RUNT_CLOUD_CA_FILE";
/// Longest file of certificate authorities; the system's own has about 200 kB.
const CA_FILE_LIMIT: u64 = 4 * 1024 * 1024;
/// A connection is probed after so much silence, so often, and given up after so many unanswered probes.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;

/// What keeps this machine from reaching any cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The named authorities cannot be used.
    #[error(
        "the certificate authorities in {} cannot be used: {why}\nHint: give ca_file (or {CA_FILE_VARIABLE}) the path of a PEM file with the authority's certificate",
        path.display()
    )]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system knows no certificate authority.
    #[error(
        "no certificate of any server can be checked: {0}\nHint: install the package ca-certificates, or name a file of authorities with ca_file"
    )]
    NoAuthorities(String),
    /// A variable names no proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An open connection to the cloud.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// This machine's network; cheap to clone.
#[derive(Clone)]
pub struct Network {
    proxies: Proxies,
    authorities: Vec<CertificateDer<'static>>,
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Reads the environment: proxies, and the file of further certificate authorities unless one is given.
    pub fn find(
        lookup: impl Fn(&str) -> Option<String>,
        ca_file: Option<&Path>,
    ) -> Result<Self, NetworkError> {
        let named = || lookup(CA_FILE_VARIABLE).filter(|path| !path.trim().is_empty());
        let ca_file = ca_file
            .map(Path::to_owned)
            .or_else(|| named().map(PathBuf::from));
        Ok(Self {
            proxies: Proxies::find(lookup),
            authorities: ca_file.map_or(Ok(Vec::new()), |path| read_authorities(&path))?,
            tls: Arc::default(),
        })
    }

    /// No proxy, and the authorities of the system.
    pub fn direct() -> Self {
        Self {
            proxies: Proxies::default(),
            authorities: Vec::new(),
            tls: Arc::default(),
        }
    }

    /// The proxy before a cloud, if there is one.
    pub fn proxy_before(&self, base: &BaseUrl) -> Result<Option<Proxy>, NetworkError> {
        Ok(self.proxies.before(base)?)
    }

    /// How certificates are checked on the way to this cloud.
    pub(crate) fn tls(
        &self,
        base: &BaseUrl,
        proxy: Option<&Proxy>,
    ) -> Result<Arc<ClientConfig>, NetworkError> {
        if !base.is_https() && !proxy.is_some_and(Proxy::is_https) {
            // Nothing is encrypted, so a system without authorities will do.
            return Ok(Arc::new(trusting_nobody()));
        }
        if let Some(known) = self.tls.get() {
            return Ok(Arc::clone(known));
        }
        let verifier = Trust::new(self.authorities.clone(), provider())
            .map_err(|error| NetworkError::NoAuthorities(error.to_string()))?;
        let config = with_versions()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

/// Opens a connection to a cloud for a WebSocket; the caller limits the time. Several addresses of a name are tried as
/// people expect: the other family of addresses after a moment, the next one of a family when one fails.
pub(crate) async fn connect(
    base: &BaseUrl,
    proxy: Option<&Proxy>,
    tls: Arc<ClientConfig>,
    limit: Duration,
) -> Result<Box<dyn Connection>, BoxError> {
    let (host, port) = base.host_and_port().ok_or("the address has no host")?;
    let scheme = if base.is_https() { "https" } else { "http" };
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let target: http::Uri = format!("{scheme}://{shown}:{port}/").parse()?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limit));
    tcp.set_keepalive(Some(PROBE_AFTER));
    tcp.set_keepalive_interval(Some(PROBE_AFTER));
    tcp.set_keepalive_retries(Some(PROBES));
    let Some(proxy) = proxy else {
        let direct = HttpsConnector::from((tcp, tls));
        return Ok(Box::new(TokioIo::new(direct.oneshot(target).await?)));
    };
    let way = proxy
        .intercept(&target)
        .ok_or("the proxy's address cannot be read")?;
    let end: Box<dyn Connection> = if let Some(looks_up) = proxy.socks() {
        let mut socks = SocksV5::new(way.uri().clone(), tcp).local_dns(!looks_up);
        if let Some((user, password)) = way.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        Box::new(TokioIo::new(socks.oneshot(target).await?))
    } else {
        let to_proxy = HttpsConnector::from((tcp, Arc::clone(&tls)));
        let mut tunnel = Tunnel::new(way.uri().clone(), to_proxy);
        if let Some(auth) = way.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        Box::new(TokioIo::new(tunnel.oneshot(target).await?))
    };
    if !base.is_https() {
        return Ok(end);
    }
    let name = ServerName::try_from(host)?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, end).await?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn with_versions() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the versions that this library takes for safe")
}

fn trusting_nobody() -> ClientConfig {
    with_versions()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The certificates of a PEM file.
fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetworkError> {
    let wrong = |why: String| NetworkError::CaFile {
        path: path.to_owned(),
        why,
    };
    let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if size.len() > CA_FILE_LIMIT {
        return Err(wrong("it is too large for that".to_owned()));
    }
    let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    let mut known = rustls::RootCertStore::empty();
    for certificate in &found {
        known
            .add(certificate.clone())
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(found)
}
