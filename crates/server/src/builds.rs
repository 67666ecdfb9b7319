//! The newest build of each release channel, asked for where the operator says, and kept (CP 2.15).
//!
//! What is known is served at once, and looked up again beside the request when it is old. Only
//! who asks while nothing is known waits, and not for long; a failure is no failure of theirs.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wire::http::LatestBuilds;

use crate::app::App;

/// How long a question may take.
const LIMIT: Duration = Duration::from_secs(2);
/// How long an answer is served without asking again.
const KEPT_MS: i64 = 15 * 60_000;
/// How long nothing is asked after a failure.
const RETRY_MS: i64 = 60_000;
/// The most bytes of an answer.
const ANSWER_LIMIT: usize = 64 * 1024;
/// The longest version, in characters.
const VERSION: usize = 160;

/// What is known of the newest builds.
#[derive(Debug)]
pub struct Builds {
    base: Option<String>,
    client: OnceLock<reqwest::Client>,
    stable: Channel,
    nightly: Channel,
}

#[derive(Debug)]
struct Channel {
    name: &'static str,
    known: Mutex<Known>,
    // Async, since it is held over the question: one asks, the others wait for its answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    build: Option<String>,
    ask_again_ms: i64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error(transparent)]
    Exchange(#[from] reqwest::Error),
    #[error("the answer is longer than {ANSWER_LIMIT} bytes")]
    TooLong,
    #[error("the answer is not JSON: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the answer has no `version` of 1 to {VERSION} characters")]
    NoVersion,
}

impl Builds {
    /// A lookup that has not asked yet; without a base it never does.
    pub fn new(base: Option<String>) -> Self {
        Self {
            base,
            client: OnceLock::new(),
            stable: Channel::new("stable"),
            nightly: Channel::new("nightly"),
        }
    }

    async fn ask(&self, channel: &Channel, now_ms: i64) -> Option<String> {
        let base = self.base.as_deref()?;
        let answer = self.fetch(base, channel.name).await;
        let mut known = channel.lock();
        match answer {
            Ok(version) => {
                known.build = Some(version);
                known.ask_again_ms = now_ms + KEPT_MS;
            }
            Err(cause) => {
                tracing::warn!(channel = channel.name, %cause, "the newest build could not be looked up");
                known.ask_again_ms = now_ms + RETRY_MS;
            }
        }
        known.build.clone()
    }

    async fn fetch(&self, base: &str, channel: &str) -> Result<String, LookupError> {
        let address = format!("{base}/{channel}-latest/latest.json");
        let answer = self.client()?.get(address).send().await?;
        let mut answer = answer.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(LookupError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let read: serde_json::Value = serde_json::from_slice(&body)?;
        let version = read["version"].as_str().map(str::trim).unwrap_or_default();
        if version.is_empty() || version.chars().count() > VERSION {
            return Err(LookupError::NoVersion);
        }
        Ok(version.to_owned())
    }

    fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fine when one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(LIMIT).build()?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Channel {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The lock guards two values; a panic elsewhere leaves them whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// The newest build of each channel, where one is known.
    pub async fn latest_builds(&self) -> LatestBuilds {
        // Nothing is said where to look: what this server itself hands out is the newest.
        if self
            .config()
            .settings
            .workstation
            .latest_build_base_url
            .is_none()
        {
            return LatestBuilds {
                stable: self.offered_build().await,
                nightly: None,
            };
        }
        let (stable, nightly) = tokio::join!(
            self.latest_build(|builds| &builds.stable),
            self.latest_build(|builds| &builds.nightly)
        );
        LatestBuilds { stable, nightly }
    }

    async fn latest_build(&self, of: fn(&Builds) -> &Channel) -> Option<String> {
        let now = self.now_ms();
        let channel = of(self.builds());
        self.builds().base.as_ref()?;
        let known = channel.lock().clone();
        if now < known.ask_again_ms {
            return known.build;
        }
        if known.build.is_some() {
            let app = self.clone();
            self.tasks().spawn(async move {
                let channel = of(app.builds());
                if let Ok(_turn) = channel.asking.try_lock() {
                    app.builds().ask(channel, now).await;
                }
            });
            return known.build;
        }
        let _turn = channel.asking.lock().await;
        // Somebody else may have asked while this one waited.
        let known = channel.lock().clone();
        if now < known.ask_again_ms {
            return known.build;
        }
        self.builds().ask(channel, now).await
    }
}

#[cfg(test)]
mod tests;
