//! Why bytes could not be kept or read, and what is wrong with a bucket.

use std::error::Error as _;

use object_store::client::HttpError;

use crate::bucket::BucketConfig;

/// Why a blob was not kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Nothing has that name.
    #[error("there is no such blob")]
    Absent,
    /// The bucket does not do what it is asked; it may again.
    #[error("{0}")]
    Away(Trouble),
    /// The folder fails.
    #[error("the blob folder fails: {0}")]
    Folder(String),
}

impl From<std::io::Error> for BlobError {
    fn from(cause: std::io::Error) -> Self {
        Self::Folder(cause.to_string())
    }
}

impl From<tokio::task::JoinError> for BlobError {
    fn from(cause: tokio::task::JoinError) -> Self {
        Self::Folder(cause.to_string())
    }
}

/// What keeps a bucket from being used. Never holds a key, nor what the store says beside its code: some stores repeat
/// the key's name there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The bucket is not there.
    #[error(
        "{place} has no bucket `{bucket}`\nHint: make it, or correct s3.bucket, s3.endpoint or s3.path_style"
    )]
    NoBucket {
        /// The store.
        place: String,
        /// The bucket.
        bucket: String,
    },
    /// The keys are not the store's.
    #[error(
        "{place} does not accept the access key ({code})\nHint: correct the key in the environment \
         (NOTEBOOK_CLOUD_S3_ACCESS_KEY_ID, NOTEBOOK_CLOUD_S3_SECRET_ACCESS_KEY) or in the file that s3.keys_file names"
    )]
    Keys {
        /// The store.
        place: String,
        /// Its word.
        code: String,
    },
    /// The keys are right, but may not do this.
    #[error(
        "the access key may not do this in bucket `{bucket}` at {place}\nHint: give it the rights to list the bucket \
         and to get, put and delete its objects"
    )]
    Rights {
        /// The store.
        place: String,
        /// The bucket.
        bucket: String,
    },
    /// The clocks differ.
    #[error(
        "{place} refuses requests because its clock and this machine's differ too much\nHint: set this machine's clock, \
         for example by NTP (`timedatectl set-ntp true`)"
    )]
    Clock {
        /// The store.
        place: String,
    },
    /// The bucket is elsewhere.
    #[error("bucket `{bucket}` is not in region `{region}` at {place}\nHint: correct s3.region")]
    Region {
        /// The store.
        place: String,
        /// The bucket.
        bucket: String,
        /// The region asked for.
        region: String,
    },
    /// No answer.
    #[error(
        "{place} cannot be reached: {cause}\nHint: check that the store runs, and correct s3.endpoint if that is not its address"
    )]
    Unreachable {
        /// The store.
        place: String,
        /// The innermost cause.
        cause: String,
    },
    /// Any other answer.
    #[error("{place} answers {said}\nHint: look into the store's own log or status page")]
    Refused {
        /// The store.
        place: String,
        /// Its code or status.
        said: String,
    },
}

impl Trouble {
    /// Reads an error of the client.
    pub(crate) fn of(config: &BucketConfig, cause: &object_store::Error) -> Self {
        let (place, bucket) = (config.place(), config.bucket.clone());
        let chain: Vec<&(dyn std::error::Error + 'static)> =
            std::iter::successors(cause.source(), |cause| (**cause).source()).collect();
        if chain.iter().any(|cause| cause.is::<HttpError>()) {
            let innermost = chain.last().map(ToString::to_string);
            let cause = innermost.unwrap_or_default();
            return Self::Unreachable { place, cause };
        }
        let text = cause.to_string();
        let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
        match code {
            "NoSuchBucket" => Self::NoBucket { place, bucket },
            "RequestTimeTooSkewed" => Self::Clock { place },
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "NotSignedUp"
            | "InvalidToken"
            | "ExpiredToken"
            | "AuthorizationHeaderMalformed"
                if code != "AuthorizationHeaderMalformed" || !text.contains("region") =>
            {
                let code = code.to_owned();
                Self::Keys { place, code }
            }
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IncorrectEndpoint" => {
                let region = config.region.clone();
                Self::Region {
                    place,
                    bucket,
                    region,
                }
            }
            "" if text.contains("without LOCATION") => {
                let region = config.region.clone();
                Self::Region {
                    place,
                    bucket,
                    region,
                }
            }
            "AccessDenied" | "AllAccessDisabled" => Self::Rights { place, bucket },
            "" => {
                let status = between(&text, "status code: ", ":").unwrap_or("something unknown");
                let said = status.to_owned();
                Self::Refused { place, said }
            }
            code => {
                let said = code.to_owned();
                Self::Refused { place, said }
            }
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner.trim())
}
