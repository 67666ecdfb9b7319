//! What a cloud offers to other machines.

use std::io::Write;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use wire::http::DownloadsResponse;

use crate::base_url::encode_segment;
use crate::http::{MAX_BODY, read_limited, refused};
use crate::{CloudClient, CloudError, RefusalKind};

/// How long a whole download may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(30);
/// How long a download may stand still.
const STILL_LIMIT: Duration = Duration::from_secs(60);
const CALL: &str = "downloading";

impl CloudClient {
    /// What the cloud offers; none where it knows no downloads at all.
    pub async fn downloads(&self) -> Result<Option<DownloadsResponse>, CloudError> {
        const CALL: &str = "asking for the downloads";
        let answer = self.call_json(CALL, Method::GET, "/api/downloads", None, &[200]);
        match answer.await {
            Ok(body) => {
                let read = serde_json::from_value(body);
                let read = read.map_err(|cause| CloudError::Incomplete {
                    call: CALL,
                    missing: cause.to_string(),
                });
                read.map(Some)
            }
            Err(error)
                if error.refusal().map(crate::Refusal::kind) == Some(RefusalKind::NotFound) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Downloads a file that is offered, of at most so many bytes; sends no credential.
    pub async fn download(
        &self,
        file: &str,
        limit: u64,
        into: &mut impl Write,
    ) -> Result<(), CloudError> {
        let failed = |cause: String| CloudError::Request { call: CALL, cause };
        let path = format!("/downloads/{}", encode_segment(file));
        let mut answer = self.open_bare(CALL, &path, DOWNLOAD_LIMIT).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            let headers = answer.headers().clone();
            let body = read_limited(&mut answer, MAX_BODY)
                .await
                .unwrap_or_default();
            return Err(refused(CALL, self.base(), status, &headers, &body));
        }
        let mut left = limit;
        loop {
            let piece = tokio::time::timeout(STILL_LIMIT, answer.chunk()).await;
            let piece = piece.map_err(|_| failed("nothing arrives any more".to_owned()))?;
            let Some(piece) = piece.map_err(|error| self.unreachable(error))? else {
                return Ok(());
            };
            let length = piece.len() as u64;
            left = left
                .checked_sub(length)
                .ok_or_else(|| failed(format!("{file} is longer than {limit} bytes")))?;
            into.write_all(&piece)
                .map_err(|error| failed(format!("{file} cannot be stored: {error}")))?;
        }
    }
}
