//! The settings of a bucket, as given and as checked.

use std::path::PathBuf;

use blob_store::{BucketConfig, Keys};
use serde::{Deserialize, Serialize};

use super::secret_file::{CLOSE_IT, is_open_to_others};
use crate::identity::oidc::Secret;
use crate::origin::Origin;

/// A bucket of a store that speaks S3; off unless `bucket` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct S3Settings {
    /// The store's address, for example `https://minio.example.org:9000`; none is Amazon's own.
    pub endpoint: Option<String>,
    /// The bucket's name; it must be there.
    pub bucket: Option<String>,
    /// The region of the bucket.
    pub region: String,
    /// What the names of all objects begin with. Bucket and prefix together belong to one cloud alone.
    pub prefix: String,
    /// Name the bucket in the path; `false` names it in the host.
    pub path_style: bool,
    /// The access key's name; set in the environment.
    pub access_key_id: Option<Secret>,
    /// The access key's secret; set in the environment.
    pub secret_access_key: Option<Secret>,
    /// A file that only its owner can read, with `access_key_id = "…"` and `secret_access_key = "…"`.
    pub keys_file: Option<PathBuf>,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            bucket: None,
            region: "us-east-1".into(),
            prefix: String::new(),
            path_style: true,
            access_key_id: None,
            secret_access_key: None,
            keys_file: None,
        }
    }
}

/// What is wrong with the settings of a bucket.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// Something about a bucket, and none is named.
    #[error(
        "`{0}` is set and s3.bucket is not\nHint: set s3.bucket to keep blobs there, or remove `{0}`"
    )]
    NoBucket(&'static str),
    /// Not a bucket's name.
    #[error(
        "s3.bucket `{0}` is not the name of a bucket\nHint: use the name alone, with s3.prefix for a folder in it"
    )]
    Bucket(String),
    /// Not a web address.
    #[error(
        "s3.endpoint `{0}` is not an http or https address\nHint: use a form like https://minio.example.org:9000"
    )]
    Endpoint(String),
    /// No access key, or half of one.
    #[error(
        "s3.bucket is set, and {0} is missing\nHint: set NOTEBOOK_CLOUD_S3_ACCESS_KEY_ID and \
         NOTEBOOK_CLOUD_S3_SECRET_ACCESS_KEY, or name a file with both in s3.keys_file"
    )]
    Keys(&'static str),
    /// The file with the keys cannot be used; never says what is in it.
    #[error("cannot use s3.keys_file {}: {cause}\nHint: {hint}", .path.display())]
    KeysFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
        /// The next step.
        hint: &'static str,
    },
}

/// What a file with keys holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    access_key_id: String,
    secret_access_key: String,
}

impl S3Settings {
    /// Checks the settings and reads the keys; none when no bucket is wanted.
    ///
    /// # Errors
    /// Each with a hint.
    pub fn check(&self) -> Result<Option<BucketConfig>, S3Error> {
        let Some(bucket) = given(self.bucket.as_deref()) else {
            let others = [
                ("s3.endpoint", self.endpoint.is_some()),
                ("s3.prefix", !self.prefix.is_empty()),
                ("s3.keys_file", self.keys_file.is_some()),
                ("s3.access_key_id", self.access_key_id.is_some()),
                ("s3.secret_access_key", self.secret_access_key.is_some()),
            ];
            return match others.into_iter().find(|(_, set)| *set) {
                Some((key, _)) => Err(S3Error::NoBucket(key)),
                None => Ok(None),
            };
        };
        let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !bucket.chars().all(named) {
            return Err(S3Error::Bucket(bucket.to_owned()));
        }
        let endpoint = match given(self.endpoint.as_deref()) {
            Some(text) => Some(
                Origin::parse(text)
                    .ok_or_else(|| S3Error::Endpoint(text.to_owned()))?
                    .to_string(),
            ),
            None => None,
        };
        Ok(Some(BucketConfig {
            endpoint,
            bucket: bucket.to_owned(),
            region: self.region.trim().to_owned(),
            prefix: self.prefix.trim_matches('/').to_owned(),
            path_style: self.path_style,
            keys: self.keys()?,
        }))
    }

    /// The environment goes before the file.
    fn keys(&self) -> Result<Keys, S3Error> {
        let text = |secret: &Option<Secret>| {
            let text = secret.as_ref().and_then(|secret| given(Some(&secret.0)));
            text.map(str::to_owned)
        };
        match (text(&self.access_key_id), text(&self.secret_access_key)) {
            (Some(access_key_id), Some(secret_access_key)) => Ok(Keys {
                access_key_id,
                secret_access_key,
            }),
            (None, Some(_)) => Err(S3Error::Keys("s3.access_key_id")),
            (Some(_), None) => Err(S3Error::Keys("s3.secret_access_key")),
            (None, None) => self.keys_from_file(),
        }
    }

    fn keys_from_file(&self) -> Result<Keys, S3Error> {
        let path = self
            .keys_file
            .as_ref()
            .ok_or(S3Error::Keys("the access key"))?;
        let failed = |cause: &str, hint| S3Error::KeysFile {
            path: path.clone(),
            cause: cause.to_owned(),
            hint,
        };
        let unreadable = |cause: std::io::Error| {
            failed(&cause.to_string(), "name a file that the server may read")
        };
        if is_open_to_others(path).map_err(unreadable)? {
            return Err(failed("others can read it", CLOSE_IT));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let form = "write two lines: access_key_id = \"…\" and secret_access_key = \"…\"";
        // The reader's own words would repeat what is in the file.
        let keys: KeysFile =
            toml::from_str(&text).map_err(|_| failed("it does not hold two keys", form))?;
        Ok(Keys {
            access_key_id: keys.access_key_id,
            secret_access_key: keys.secret_access_key,
        })
    }
}

impl From<BucketConfig> for S3Settings {
    fn from(bucket: BucketConfig) -> Self {
        Self {
            endpoint: bucket.endpoint,
            bucket: Some(bucket.bucket),
            region: bucket.region,
            prefix: bucket.prefix,
            path_style: bucket.path_style,
            access_key_id: Some(Secret(bucket.keys.access_key_id)),
            secret_access_key: Some(Secret(bucket.keys.secret_access_key)),
            keys_file: None,
        }
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
