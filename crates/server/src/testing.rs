//! A whole server without a socket, for the tests of this crate.

use std::ops::Deref;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use blob_store::testing::bucket_of;
use http::{Method, Request};
use serde_json::Value;
use store_sql::testing::TestDatabase;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::routes;
use crate::serve::DataDir;
use crate::settings::Settings;

/// The host a test request addresses unless it says otherwise.
pub const HOST: &str = "127.0.0.1:8080";

/// An app on a data folder of its own, with a clock that stands until moved.
#[derive(Debug)]
pub struct TestApp {
    app: App,
    _folder: TempDir,
}

impl TestApp {
    /// With the development identity.
    pub async fn with_dev_identity() -> Self {
        Self::new(true).await
    }

    /// Without it.
    pub async fn without_dev_identity() -> Self {
        Self::new(false).await
    }

    async fn new(dev_identity: bool) -> Self {
        let settings = Settings {
            dev_identity,
            ..Settings::default()
        };
        Self::with(settings).await
    }

    /// With settings of the test's own; the address and the data folder are given.
    pub async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            listen: HOST.into(),
            data: Some(folder.path().join("data")),
            ..settings
        };
        let config = Config::new(&settings, HOST.parse().unwrap()).unwrap();
        let data = DataDir::open(&config.data).unwrap();
        let database = TestDatabase::of(data.path()).await;
        let bucket = config.bucket.clone().or_else(|| bucket_of(data.path()));
        let storage = data.storage(&database, bucket).await.unwrap();
        Self {
            app: App::new(config, Clock::manual(1_781_260_000_000), storage),
            _folder: folder,
        }
    }

    /// Sends one request through every layer.
    pub async fn send(&self, request: Request<Body>) -> Response {
        let mut request = request;
        let peer: std::net::SocketAddr = "127.0.0.1:50000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        routes::router(self.app.clone())
            .oneshot(request)
            .await
            .unwrap()
    }

    /// Sends a request with headers and a body; returns the status and the JSON answer
    /// (null when it is none).
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (u16, Value) {
        let response = self.send(request(method, path, headers, body)).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// A request to the page's host.
pub fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", HOST);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}
