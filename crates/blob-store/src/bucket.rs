//! Where a bucket is, and how it is spoken to.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may pause, and a part of an upload may take. A whole download may take longer.
const PAUSE: Duration = Duration::from_secs(60);
/// Attempts after the first one, and the time for all of them: whoever waits is told soon, and tries again by itself.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(10);

/// The two halves of an access key; no log shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The half that names the key.
    pub access_key_id: String,
    /// The half that proves it.
    pub secret_access_key: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// A bucket, or a part of one, that belongs to one cloud alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketConfig {
    /// The store's address without a slash at its end; none is Amazon's own in that region.
    pub endpoint: Option<String>,
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// What the names of all objects begin with; empty for a bucket of one's own.
    pub prefix: String,
    /// Whether the bucket is named in the path, and not in the host.
    pub path_style: bool,
    /// What requests are signed with.
    pub keys: Keys,
}

impl BucketConfig {
    /// The store's address, for people.
    pub fn place(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        }
    }

    pub(crate) fn connect(&self) -> object_store::Result<AmazonS3> {
        // The first provider wins; it is the same one everywhere.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_timeout_disabled()
            .with_read_timeout(PAUSE)
            .with_allow_http(self.place().starts_with("http://"));
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIME,
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.keys.access_key_id)
            .with_secret_access_key(&self.keys.secret_access_key)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(if self.path_style {
                endpoint.clone()
            } else {
                endpoint.replacen("://", &format!("://{}.", self.bucket), 1)
            });
        }
        builder.build()
    }
}
