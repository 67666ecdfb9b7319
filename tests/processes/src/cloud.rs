//! A `notebook-cloud` process with a data directory of its own, and the HTTP calls of a signed-in owner.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use store_sql::testing::TestDatabase;
use tokio::process::{Child, Command};
use wire::blob_batch::{self, Ask};

use crate::programs::program;
use crate::wait::until;

/// The development user that owns everything in these tests.
pub const USER: &str = "ada";
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running cloud on loopback with the development identity.
pub struct Cloud {
    folder: tempfile::TempDir,
    child: Option<Child>,
    /// Further arguments of `notebook-cloud serve`.
    arguments: Vec<String>,
    address: String,
    http: reqwest::Client,
}

impl Cloud {
    /// Starts one on a free port with an empty data directory.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with further arguments of `notebook-cloud serve`.
    pub async fn start_with(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("nbc-").tempdir()?;
        let http = http_client()?;
        let mut cloud = Self {
            folder,
            child: None,
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            address: "127.0.0.1:0".to_owned(),
            http,
        };
        cloud.spawn().await?;
        Ok(cloud)
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder below the cloud's own that goes away with it.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts the server (again, on the same address and data) and waits until it answers.
    pub async fn spawn(&mut self) -> Result<()> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder("cloud.log"))?;
        let record = self.data().join("server.json");
        let _ = std::fs::remove_file(&record);
        let mut command = Command::new(program("notebook-cloud")?);
        if let Some(url) = TestDatabase::of(&self.data()).await.url() {
            command.env("NOTEBOOK_CLOUD_DATABASE", url);
        }
        let child = command
            .args([
                "serve",
                "--dev-identity",
                "--listen",
                &self.address,
                "--data",
            ])
            .arg(self.data())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .context("could not start notebook-cloud")?;
        self.child = Some(child);
        let log = self.folder("cloud.log");
        self.address = until("the cloud to name its address", START_LIMIT, async || {
            let text = std::fs::read_to_string(&record).with_context(|| tail(&log))?;
            let record: Value = serde_json::from_str(&text)?;
            Ok(record["address"].as_str().map(str::to_owned))
        })
        .await?;
        until("the cloud to answer", START_LIMIT, async || {
            let reply = self
                .http
                .get(format!("{}/api/health", self.url()))
                .send()
                .await?;
            Ok(reply.status().is_success().then_some(()))
        })
        .await
    }

    /// The server's process, while it runs.
    pub fn pid(&self) -> Option<i32> {
        let pid = self.child.as_ref()?.id()?;
        i32::try_from(pid).ok()
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder("cloud.log")).unwrap_or_default()
    }

    /// One call as the owner; the status and the JSON body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url()))
            .header("x-user", USER)
            .header("x-scope", "owner");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await?;
        let status = reply.status().as_u16();
        Ok((status, reply.json().await.unwrap_or_default()))
    }

    /// A call that must succeed.
    pub async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, reply) = self.call(method, path, body).await?;
        if !(200..300).contains(&status) {
            bail!("{path} answered {status}: {reply}");
        }
        Ok(reply)
    }

    /// A new notebook's id.
    pub async fn create_notebook(&self, title: &str) -> Result<String> {
        let reply = self
            .ok(Method::POST, "/api/n", Some(json!({ "title": title })))
            .await?;
        Ok(reply["notebook_id"]
            .as_str()
            .context("no notebook id")?
            .to_owned())
    }

    /// A fresh pairing code.
    pub async fn pairing_code(&self) -> Result<String> {
        let reply = self
            .ok(Method::POST, "/api/workstations/pairing-codes", None)
            .await?;
        Ok(reply["pairing"]["code"]
            .as_str()
            .context("no code")?
            .to_owned())
    }

    /// The list of workstations as the panel sees it.
    pub async fn workstations(&self) -> Result<Vec<Value>> {
        let reply = self.ok(Method::GET, "/api/workstations", None).await?;
        Ok(reply["workstations"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    }

    /// Asks for an attachment; the job's id.
    pub async fn attach(&self, notebook: &str, workstation: &str) -> Result<String> {
        let path = format!("/api/n/{notebook}/workstation-attachments");
        let reply = self
            .ok(
                Method::POST,
                &path,
                Some(json!({ "workstation_id": workstation })),
            )
            .await?;
        Ok(reply["job"]["job_id"]
            .as_str()
            .context("no job id")?
            .to_owned())
    }

    /// Stores bytes as the owner; the reference that a document names them by.
    pub async fn store(&self, notebook: &str, media_type: &str, bytes: &[u8]) -> Result<Value> {
        let hash = documents::manifest::sha256_hex(bytes);
        let url = format!("{}/api/n/{notebook}/blobs/{hash}", self.url());
        let request = self.http.put(url).body(bytes.to_vec());
        let request = request.header("x-user", USER).header("x-scope", "owner");
        let reply = request.header("content-type", media_type).send().await?;
        reply.error_for_status()?;
        Ok(json!({"blob": hash, "size": bytes.len(), "media_type": media_type}))
    }

    /// The bytes of a blob.
    pub async fn blob(&self, notebook: &str, hash: &str) -> Result<Vec<u8>> {
        let url = format!("{}/api/n/{notebook}/blobs/{hash}", self.url());
        let reply = self
            .http
            .get(url)
            .header("x-user", USER)
            .header("x-scope", "viewer")
            .send()
            .await?;
        Ok(reply.error_for_status()?.bytes().await?.to_vec())
    }

    /// The bytes of blobs, several by one request as the page does it, at most [`blob_batch::MAX_BLOBS`]. Those that the
    /// answer leaves out are fetched one by one.
    pub async fn blobs(&self, notebook: &str, hashes: &[String]) -> Result<HashMap<String, Bytes>> {
        let url = format!("{}/api/n/{notebook}/blobs/read", self.url());
        let ask = Ask {
            hashes: hashes.to_vec(),
        };
        let request = self.http.post(url).json(&ask);
        let request = request.header("x-user", USER).header("x-scope", "viewer");
        let body = request.send().await?.error_for_status()?.bytes().await?;
        let found = blob_batch::decode(body)?.into_iter();
        let mut blobs: HashMap<_, _> = found.map(|blob| (blob.hash, blob.bytes)).collect();
        for hash in hashes {
            if !blobs.contains_key(hash) {
                let bytes = self.blob(notebook, hash).await?;
                blobs.insert(hash.clone(), bytes.into());
            }
        }
        Ok(blobs)
    }
}

/// An HTTP client for servers on this machine.
pub fn http_client() -> Result<reqwest::Client> {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
    Ok(client.build()?)
}

/// The end of a log, for messages of failed waits.
fn tail(path: &std::path::Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
