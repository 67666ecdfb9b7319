//! A real provider, a real server, and browsers that keep cookies and follow redirects.
#![allow(
    clippy::unwrap_used,
    clippy::must_use_candidate,
    missing_docs,
    reason = "helpers of tests; a failed step fails the test"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::header;
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use server::identity::oidc::{OidcSettings, Secret};
use server::serve::Server;
use server::settings::Settings;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::oneshot;

pub const PATIENCE: Duration = Duration::from_secs(30);
/// Redirects that a browser follows at most.
const HOPS: usize = 10;

/// The folder of the installed provider; says why when there is none.
pub fn installed() -> Option<PathBuf> {
    let folder = std::env::var_os("TEST_IDENTITY_PROVIDER").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: no identity provider is installed; `cargo xtask test` installs one");
    }
    folder
}

pub struct World {
    pub issuer: String,
    pub address: String,
    pub client: Client,
    _provider: Child,
    // Held open: the provider goes on to write what nobody reads.
    _lines: Lines<BufReader<ChildStdout>>,
    _data: TempDir,
    _stop: oneshot::Sender<()>,
}

impl World {
    /// A provider and a server that knows it; none when no provider is installed.
    pub async fn start(change: impl FnOnce(&mut OidcSettings)) -> Option<Self> {
        let folder = installed()?;
        let mut provider = Command::new("node")
            .arg("provider.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(provider.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let issuer = line.unwrap().unwrap().unwrap();
        let mut oidc = OidcSettings {
            issuer: Some(issuer.clone()),
            client_id: Some("cloud".into()),
            client_secret: Some(Secret("cloud-secret".into())),
            audiences: vec!["urn:notebook-cloud".into()],
            ..OidcSettings::default()
        };
        change(&mut oidc);
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(&Settings {
            listen: "127.0.0.1:0".into(),
            data: Some(data.path().to_owned()),
            oidc,
            ..Settings::default()
        })
        .await
        .unwrap();
        let address = format!("http://{}", server.address());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            let stopped = async {
                let _: Result<(), _> = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let world = Self {
            issuer,
            address,
            client,
            _provider: provider,
            _lines: lines,
            _data: data,
            _stop: stop,
        };
        let back = format!("redirect={}/oidc", world.address);
        world.tell(&back).await;
        Some(world)
    }

    /// Tells the provider who signs in next, or to change its keys.
    pub async fn tell(&self, what: &str) {
        let url = format!("{}/test/tell?{what}", self.issuer);
        let told = self.client.post(url).send().await.unwrap();
        assert!(told.status().is_success());
    }

    /// A bearer that the provider issues to a native client.
    pub async fn bearer(&self) -> String {
        let answer = self
            .client
            .post(format!("{}/token", self.issuer))
            .basic_auth("native", Some("native-secret"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=api&resource=urn:notebook-cloud")
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A call with headers; the status and the JSON answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.address))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Signs somebody in with a browser of their own; it holds the session then.
    pub async fn sign_in(&self, person: &str) -> Browser {
        self.tell(&format!("person={person}")).await;
        let mut browser = Browser::new(&self.client);
        let address = format!("{}/oidc/sign-in?next=/workstations", self.address);
        let last = browser.follow(&address, "/workstations").await;
        assert_eq!(last, format!("{}/workstations", self.address));
        browser
    }
}

/// A browser: cookies by host and port, redirects.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    pub fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// The cookies for an address, as a `Cookie` header has them.
    pub fn cookies(&self, url: &Url) -> String {
        let place = place(url);
        let held = self.cookies.iter().filter(|((of, _), _)| *of == place);
        let pairs: Vec<String> = held
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    pub async fn get(&mut self, url: &Url) -> Response {
        let answer = self
            .client
            .get(url.clone())
            .header(header::COOKIE, self.cookies(url))
            .send()
            .await
            .unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (place(url), name.to_owned());
            if value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        answer
    }

    /// Follows redirects until one leads to an address that contains `until`, which is returned
    /// and not asked for.
    pub async fn follow(&mut self, address: &str, until: &str) -> String {
        let mut url: Url = address.parse().unwrap();
        for _ in 0..HOPS {
            let answer = self.get(&url).await;
            let status = answer.status();
            let Some(next) = answer.headers().get(header::LOCATION) else {
                panic!("{url}: {status} {}", answer.text().await.unwrap());
            };
            url = url.join(next.to_str().unwrap()).unwrap();
            if url.path().contains(until) {
                return url.to_string();
            }
        }
        panic!("too many redirects, the last to {url}");
    }
}

fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}
