//! A real S3 server for tests: `s3s-fs` behind signed requests, on a loopback port.
//!
//! Where `TEST_BLOBS` is `s3`, servers of tests keep their blobs there; `cargo xtask test` runs the suites on both.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::bucket::{BucketConfig, Keys};

/// Says where servers of tests keep blobs: `s3`, or in their data folders when absent.
pub const TEST_BLOBS: &str = "TEST_BLOBS";

/// Requests are answered without end.
const FOR_EVER: i64 = i64::MAX;

/// The server that the tests of a process share.
static SHARED: LazyLock<S3Server> = LazyLock::new(S3Server::start);

/// An S3 server with a thread and a folder of its own, until the process ends.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    root: TempDir,
    /// Requests that are answered before the server goes away.
    left: Arc<AtomicI64>,
}

impl S3Server {
    /// Starts one.
    pub fn start() -> Self {
        Self::with_skew(S3Config::default().presigned_url_max_skew_time_secs)
    }

    /// Starts one that accepts requests whose time is so many seconds from its own.
    pub fn with_skew(seconds: u32) -> Self {
        let root = tempfile::tempdir().expect("a folder for a test");
        let files = s3s_fs::FileSystem::new(root.path()).expect("the folder is there");
        let mut builder = S3ServiceBuilder::new(files);
        let keys = keys();
        builder.set_auth(SimpleAuth::from_single(
            keys.access_key_id,
            keys.secret_access_key,
        ));
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = seconds;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let service = builder.build();
        let left = Arc::new(AtomicI64::new(FOR_EVER));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("a bound socket");
        let counter = Arc::clone(&left);
        std::thread::spawn(move || serve(listener, &service, &counter));
        Self {
            endpoint: format!("http://{address}"),
            root,
            left,
        }
    }

    /// Makes a bucket, unless it is there.
    pub fn bucket(&self, name: &str) -> BucketConfig {
        fs::create_dir_all(self.root.path().join(name)).expect("a bucket");
        BucketConfig {
            endpoint: Some(self.endpoint.clone()),
            bucket: name.to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "a cloud/blobs".to_owned(),
            path_style: true,
            keys: keys(),
        }
    }

    /// The folder of all buckets.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Goes away after so many further requests: connections break without an answer.
    pub fn away_after(&self, requests: i64) {
        self.left.store(requests, Ordering::SeqCst);
    }

    /// Comes back.
    pub fn back(&self) {
        self.left.store(FOR_EVER, Ordering::SeqCst);
    }
}

fn keys() -> Keys {
    Keys {
        access_key_id: "a-test".to_owned(),
        secret_access_key: "between us".to_owned(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: std::net::TcpListener, service: &S3Service, left: &Arc<AtomicI64>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (service, left) = (service.clone(), Arc::clone(left));
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(|request| {
                let answered = left.fetch_sub(1, Ordering::SeqCst) > 0;
                let answer = hyper::service::Service::call(&service, request);
                async move {
                    if !answered {
                        return Err(io::Error::other("away"));
                    }
                    answer
                        .await
                        .map_err(|cause| io::Error::other(format!("{cause:?}")))
                }
            });
            // A broken connection is what a test asked for, or its client's end.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

/// The bucket that belongs to a server's data folder, now and after a restart; none where tests keep blobs in folders.
pub fn bucket_of(data: &Path) -> Option<BucketConfig> {
    std::env::var(TEST_BLOBS)
        .is_ok_and(|place| place == "s3")
        .then(|| SHARED.bucket(&bucket_name(data)))
}

fn bucket_name(data: &Path) -> String {
    crate::store::Blob::of(data.as_os_str().as_encoded_bytes().to_vec()).hash()[..32].to_owned()
}

/// Lets all blobs of a data folder's server look as if they had been uploaded so long ago.
pub fn age(data: &Path, by: Duration) {
    let folder = match bucket_of(data) {
        Some(bucket) => SHARED.root().join(bucket.bucket),
        None => data.join("blobs"),
    };
    age_files(&folder, by);
}

/// Lets all files below a folder look as if they had been written so long ago.
pub fn age_files(folder: &Path, by: Duration) {
    let entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    for path in entries {
        if path.is_dir() {
            age_files(&path, by);
        } else {
            let file = File::options().write(true).open(&path).expect("a file");
            file.set_modified(SystemTime::now() - by).expect("a time");
        }
    }
}
