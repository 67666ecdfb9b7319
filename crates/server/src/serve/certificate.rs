//! The certificate of a server that encrypts by itself: read at start, and again when it changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};

use super::ServeError;
use crate::app::App;
use crate::settings::TlsSettings;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Certificate and key, and what connections are encrypted with now.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
}

impl Certificate {
    /// Reads the files, when the settings name any.
    ///
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub(super) async fn load(settings: &TlsSettings) -> Result<Option<Self>, ServeError> {
        let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else {
            return Ok(None);
        };
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = RustlsConfig::from_pem_file(cert, key)
            .await
            .map_err(|cause| ServeError::Certificate {
                cert: cert.clone(),
                key: key.clone(),
                cause,
            })?;
        Ok(Some(Self {
            cert: cert.clone(),
            key: key.clone(),
            config,
        }))
    }

    /// What connections are encrypted with; it follows the files.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    async fn reload(&self) {
        match self
            .config
            .reload_from_pem_file(&self.cert, &self.key)
            .await
        {
            Ok(()) => tracing::info!(cert = %self.cert.display(), "certificate read again"),
            // The old one goes on: a half-written file must not end the service.
            Err(cause) => tracing::error!(
                %cause,
                cert = %self.cert.display(),
                "certificate not read again; the old one stays"
            ),
        }
    }

    fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| changed(path))
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// Reads the certificate again on SIGHUP and when a file changed. Without a certificate a SIGHUP
/// does nothing, and in particular does not end the server.
pub(super) async fn follow(app: App, certificate: Option<Certificate>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be listened for");
        return;
    };
    let mut known = certificate.as_ref().map(Certificate::changed);
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
            () = app.closing().cancelled() => return,
        };
        let Some(certificate) = &certificate else {
            continue;
        };
        let now = certificate.changed();
        if asked || known != Some(now) {
            certificate.reload().await;
            known = Some(now);
        }
    }
}
