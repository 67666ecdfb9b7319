//! Reading blobs that others stored: what people put into widgets, for the kernel (documents 9).

use std::sync::Arc;
use std::time::Duration;

use cloud_client::CloudClient;
use documents::manifest::sha256_hex;
use session_core::Event;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::blobs::{Class, class};
use crate::tokens::Tokens;

/// Requests at the same time.
const CONCURRENCY: usize = 4;
/// Longest blob that is read; the session asks for no larger value.
const LIMIT: usize = 64 * 1024 * 1024;
/// Attempts while the cloud does not answer or is busy, with waits that double from the first: about a minute. A person
/// waits, and the next change of the value asks again.
const ATTEMPTS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Results that may wait for the main loop.
const QUEUE: usize = 64;

/// Reads blobs of one notebook in the background.
pub(crate) struct BlobReader {
    client: CloudClient,
    tokens: Tokens,
    notebook_id: String,
    permits: Arc<Semaphore>,
    results: mpsc::Sender<Event>,
}

impl BlobReader {
    /// A reader, and where its results come out.
    pub(crate) fn new(
        client: CloudClient,
        tokens: Tokens,
        notebook_id: &str,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (results, receiver) = mpsc::channel(QUEUE);
        let reader = Self {
            client,
            tokens,
            notebook_id: notebook_id.to_owned(),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
            results,
        };
        (reader, receiver)
    }

    /// Reads one blob; [`Event::BlobFetched`] comes later.
    pub(crate) fn read(&self, sha256: String) {
        let (client, tokens) = (self.client.clone(), self.tokens.clone());
        let (notebook_id, results) = (self.notebook_id.clone(), self.results.clone());
        let permits = Arc::clone(&self.permits);
        tokio::spawn(async move {
            let _permit = permits.acquire_owned().await;
            let bytes = fetch(&client, &tokens, &notebook_id, &sha256).await;
            if let Err(why) = &bytes {
                tracing::warn!(hash = sha256, "a widget's value cannot be read: {why}");
            }
            let bytes = bytes.ok();
            // The peer may have ended.
            let _ = results.send(Event::BlobFetched { sha256, bytes }).await;
        });
    }
}

async fn fetch(
    client: &CloudClient,
    tokens: &Tokens,
    notebook_id: &str,
    sha256: &str,
) -> Result<Vec<u8>, String> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        let client = client.clone().with_auth(tokens.auth());
        let error = match client.get_blob(notebook_id, sha256, LIMIT).await {
            Ok(bytes) if sha256_hex(&bytes) == sha256 => return Ok(bytes),
            Ok(_) => return Err("its bytes are not those of its name".to_owned()),
            Err(error) => error,
        };
        match class(&error) {
            Class::Expired => tokens.expired(),
            Class::Unreachable | Class::Busy | Class::Doubtful => {}
            Class::WrongType | Class::Final => return Err(error.to_string()),
        }
        if attempt == ATTEMPTS {
            return Err(error.to_string());
        }
        sleep(wait).await;
        wait *= 2;
    }
    unreachable!("the attempts end")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::Path;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    use cloud_client::{BaseUrl, CloudClient, Network, RoomAuth, SecretString};
    use documents::manifest::sha256_hex;
    use session_core::Event;

    use super::BlobReader;
    use crate::tokens::Tokens;

    #[tokio::test]
    async fn a_blob_comes_once_the_cloud_has_it_and_never_with_other_bytes() {
        let asked = Arc::new(AtomicUsize::new(0));
        let (good, forged, refused) = (sha256_hex(b"good"), sha256_hex(b"own"), "0".repeat(64));
        let (count, known) = (Arc::clone(&asked), good.clone());
        let no = refused.clone();
        let answer = move |Path((_, hash)): Path<(String, String)>, headers: HeaderMap| async move {
            assert_eq!(headers["x-scope"], "runtime_peer");
            assert_eq!(headers["authorization"], "Bearer nwc_test");
            match hash {
                hash if hash == known && count.fetch_add(1, Ordering::Relaxed) == 0 => {
                    (StatusCode::SERVICE_UNAVAILABLE, "")
                }
                hash if hash == no => (StatusCode::FORBIDDEN, "good"),
                _ => (StatusCode::OK, "good"),
            }
        };
        let router = Router::new().route("/api/n/{id}/blobs/{hash}", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let base = BaseUrl::parse(&base, false).unwrap();
        let client = CloudClient::new(&Network::direct(), base).unwrap();
        let auth = RoomAuth::Bearer(SecretString::from("nwc_test"));
        let (reader, mut results) = BlobReader::new(client, Tokens::given(auth, None), "n");
        for (hash, expected) in [
            (&good, Some(b"good".to_vec())),
            (&forged, None),
            (&refused, None),
        ] {
            reader.read(hash.clone());
            let Some(Event::BlobFetched { sha256, bytes }) = results.recv().await else {
                panic!()
            };
            assert_eq!((&sha256, bytes), (hash, expected));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
