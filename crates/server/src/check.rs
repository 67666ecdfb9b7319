//! `notebook-cloud config check`: would a server start with these settings, and do what was meant?

use std::fs::File;
use std::net::SocketAddr;

use blob_store::BlobStore;
use tokio::net::TcpListener;

use crate::config::{self, Config, ConfigError};
use crate::serve::{DataDir, ServeError, bind};
use crate::settings::{Loaded, Settings};

/// What was found wrong; empty problems mean that a server would start.
#[derive(Debug, Default)]
pub struct Findings {
    /// What keeps a server from starting.
    pub problems: Vec<String>,
    /// What it would start with, but somebody should know.
    pub warnings: Vec<String>,
    /// What was tried and found good.
    pub good: Vec<String>,
}

/// Tries what `serve` would do, without keeping or changing anything.
pub async fn check(loaded: &Loaded) -> Findings {
    let mut findings = Findings {
        problems: loaded.problems.clone(),
        warnings: loaded.warnings.clone(),
        good: Vec::new(),
    };
    let settings = &loaded.settings;
    let bound = listening(settings, &mut findings).await;
    if let Some(bound) = bound {
        match Config::new(settings, bound) {
            Ok(config) => {
                findings.warnings.extend(config.warnings());
                offered(settings, &config, &mut findings);
                findings.good.push(format!("people use {}", config.public));
                if let Some(output) = &config.output {
                    findings
                        .good
                        .push(format!("outputs are shown from {output}"));
                }
            }
            Err(problem) => findings.problems.push(problem.to_string()),
        }
    } else if settings.data.is_none() {
        findings.problems.push(ConfigError::Data.to_string());
    }
    bucket(settings, &mut findings).await;
    if let Some(listen) = &settings.metrics_listen {
        match try_bind(listen).await {
            Ok(_) => findings
                .good
                .push(format!("metrics can be served on {listen}")),
            Err(problem) => findings.problems.push(problem.to_string()),
        }
    }
    for path in [&settings.tls.cert, &settings.tls.key]
        .into_iter()
        .flatten()
    {
        if let Err(cause) = File::open(path) {
            findings.problems.push(format!(
                "cannot read {}: {cause}\nHint: the file must be readable by the user that runs the server",
                path.display()
            ));
        }
    }
    findings
}

/// What other machines are offered; without any the server serves everything else.
fn offered(settings: &Settings, config: &Config, findings: &mut Findings) {
    let folder = config.downloads.display();
    match ::downloads::read(&config.downloads) {
        Ok(Some(manifest)) => {
            let files: Vec<&str> = manifest.archives.iter().map(|a| a.file.as_str()).collect();
            let files = files.join(", ");
            findings.good.push(format!("{folder} offers {files}"));
        }
        Ok(None) if settings.downloads.is_some() => findings.warnings.push(format!(
            "{folder} offers nothing: it has no {}\nHint: put there what `cargo xtask dist` makes, see docs/distribution.md",
            ::downloads::MANIFEST
        )),
        Ok(None) => {}
        Err(cause) => findings.warnings.push(format!(
            "{folder} offers nothing: {cause}\nHint: put there what `cargo xtask dist` makes, see docs/distribution.md"
        )),
    }
}

/// Writes an object into the bucket, reads it, lists and removes it. What is wrong with the settings themselves has been
/// said.
async fn bucket(settings: &Settings, findings: &mut Findings) {
    let (Ok(Some(bucket)), Some(data)) = (config::bucket(settings), &settings.data) else {
        return;
    };
    let place = format!("bucket `{}` at {}", bucket.bucket, bucket.place());
    let tried = match BlobStore::for_reading(Some(bucket), data) {
        Ok(store) => store.probe().await.map_err(|cause| cause.to_string()),
        Err(cause) => Err(format!(
            "{place}: {cause}\nHint: correct the settings under s3"
        )),
    };
    match tried {
        Ok(()) => findings.good.push(format!("blobs can be kept in {place}")),
        Err(problem) => findings.problems.push(problem),
    }
}

/// Binds the address and lets go again; a server of ours that runs on the data folder may hold it.
async fn listening(settings: &Settings, findings: &mut Findings) -> Option<SocketAddr> {
    let running = settings
        .data
        .as_deref()
        .and_then(|data| DataDir::running(data).ok());
    match try_bind(&settings.listen).await {
        Ok(bound) => {
            findings
                .good
                .push(format!("{} can be listened on", settings.listen));
            Some(bound)
        }
        Err(_)
            if running
                .as_ref()
                .is_some_and(|info| info.address == settings.listen) =>
        {
            findings.good.push(format!(
                "{} is used by the notebook-cloud that runs on this data directory",
                settings.listen
            ));
            settings.listen.parse().ok()
        }
        Err(problem) => {
            findings.problems.push(problem.to_string());
            settings.listen.parse().ok()
        }
    }
}

async fn try_bind(listen: &str) -> Result<SocketAddr, ServeError> {
    let listener: TcpListener = bind(listen).await?;
    listener.local_addr().map_err(|cause| ServeError::Bind {
        listen: listen.to_owned(),
        cause,
    })
}
