//! How long the client waits, on a clock that the tests move.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use cloud_client::{
    BaseUrl, CloudClient, CloudError, Network, RoomDial, SecretString, dial_events, dial_room,
};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The limit of the statements; 30 s.
const LIMIT: Duration = Duration::from_secs(30);
/// What passes beside the limits: the wheel's grain, and what really happens before the clock stands.
const SLACK: Duration = Duration::from_secs(20);

/// A cloud that accepts connections and never says a word.
struct Silent(TcpListener);

impl Silent {
    async fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn base(&self, scheme: &str) -> BaseUrl {
        let address = self.0.local_addr().unwrap();
        BaseUrl::parse(&format!("{scheme}://{address}"), false).unwrap()
    }

    fn client(&self, scheme: &str) -> CloudClient {
        CloudClient::new(&Network::direct(), self.base(scheme))
            .unwrap()
            .with_token(token())
    }

    /// Stops the clock when the client has begun to speak, so that from then on only its own limits pass.
    async fn heard(&self) -> TcpStream {
        let (mut stream, _) = self.0.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        tokio::time::pause();
        stream
    }
}

fn token() -> SecretString {
    SecretString::from("nwc_secret")
}

/// What a call ends with, and after how long.
async fn waited<T>(
    silent: &Silent,
    call: impl Future<Output = Result<T, CloudError>>,
) -> (Duration, CloudError) {
    let started = Instant::now();
    let (_stream, answer) = tokio::join!(silent.heard(), call);
    let error = answer.err().expect("nobody answered");
    assert!(error.status().is_none(), "{error}");
    (started.elapsed(), error)
}

fn assert_after(waited: Duration, limit: Duration) {
    assert!((limit..limit + SLACK).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn ws_136_a_request_that_is_not_answered_ends_after_30_s() {
    let silent = Silent::open().await;
    let client = silent.client("http");
    let (after, error) = waited(&silent, client.register(&json!({}))).await;
    assert_after(after, LIMIT);
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[tokio::test]
async fn ws_136_a_connection_that_does_not_come_about_ends_after_30_s() {
    // An upload may take longer than that; to connect for it may not.
    let silent = Silent::open().await;
    let client = silent.client("https");
    let large = Bytes::from(vec![0; 16 << 20]);
    let upload = client.put_blob("n", "ff", "text/plain", large);
    let (after, _) = waited(&silent, upload).await;
    assert_after(after, LIMIT);
}

#[tokio::test]
async fn ws_325_an_upload_that_is_not_answered_ends() {
    let silent = Silent::open().await;
    let client = silent.client("http");
    // The larger, the longer it may take.
    for (bytes, limit) in [(1, LIMIT), (16 << 20, LIMIT + Duration::from_secs(64))] {
        let body = Bytes::from(vec![0; bytes]);
        let upload = client.put_blob("n", "ff", "text/plain", body);
        let (after, error) = waited(&silent, upload).await;
        assert_after(after, limit);
        assert!(error.to_string().contains("no answer in time"), "{error}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn ws_171_a_dial_that_is_not_answered_ends_after_30_s() {
    for scheme in ["http", "https"] {
        let silent = Silent::open().await;
        let (network, base, token) = (Network::direct(), silent.base(scheme), token());
        let dial = dial_events(&network, &base, "ws", &token);
        let (after, error) = waited(&silent, dial).await;
        assert_after(after, LIMIT);
        assert!(
            matches!(error, CloudError::Unreachable { .. }),
            "{scheme}: {error}"
        );
        tokio::time::resume();
        let room = RoomDial::new(network, base, "n", "runtime_peer", token);
        let (after, _) = waited(&silent, dial_room(&room)).await;
        assert_after(after, LIMIT);
        tokio::time::resume();
    }
}
