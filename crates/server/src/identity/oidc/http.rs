//! The HTTP client that asks the provider: no redirects, a deadline, a cap on what is read.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// How long the provider may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Why the provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client could not be made or the exchange failed.
    #[error("{0}")]
    Exchange(#[from] reqwest::Error),
    /// Too long an answer.
    #[error("the answer is longer than {ANSWER_LIMIT} bytes")]
    TooLong,
    /// An answer that cannot be represented.
    #[error("{0}")]
    Answer(#[from] http::Error),
}

/// The client; made when first used.
#[derive(Debug, Default)]
pub(super) struct Http(std::sync::OnceLock<reqwest::Client>);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Http {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.client()?;
        let mut answer = client.execute(request.try_into()?).await?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body)?)
    }

    fn client(&self) -> Result<&reqwest::Client, HttpError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        // Fine when one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }
}
