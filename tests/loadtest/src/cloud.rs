//! The calls of agents and owners, spread over several loopback addresses (one address has some
//! 28,000 ports), and the count of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use agent_core::CloudFailure;
use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Loopback addresses that are called from, from 127.0.0.2 on.
const ADDRESSES: usize = 8;
/// Buffers of a socket that is idle nearly always.
const BUFFER: usize = 1024;

/// One server as all agents see it.
pub struct Cloud {
    address: SocketAddr,
    http: Vec<reqwest::Client>,
    /// Calls and dials made so far.
    pub calls: AtomicU64,
}

fn source(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 2 + (number % ADDRESSES) as u8)
}

impl Cloud {
    pub fn new(address: &str) -> Result<Self> {
        let client = |number| {
            reqwest::Client::builder()
                .no_proxy()
                .tcp_nodelay(true)
                .local_address(IpAddr::V4(source(number)))
                .timeout(std::time::Duration::from_secs(30))
                .build()
        };
        Ok(Self {
            address: address.parse()?,
            http: (0..ADDRESSES).map(client).collect::<Result<_, _>>()?,
            calls: AtomicU64::new(0),
        })
    }

    fn request(&self, number: usize, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.http[number % ADDRESSES].request(method, format!("http://{}{path}", self.address))
    }

    /// A call of an owner with the development identity, which must succeed.
    pub async fn as_owner(
        &self,
        owner: usize,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut request = self
            .request(owner, method, path)
            .header("x-user", format!("load-{owner}"))
            .header("x-scope", "owner");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await?;
        let status = reply.status();
        let body: Value = reply.json().await.unwrap_or_default();
        if !status.is_success() {
            bail!("{path} answered {status}: {body}");
        }
        Ok(body)
    }

    /// A call of an agent.
    pub async fn as_agent(
        &self,
        number: usize,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, CloudFailure> {
        let mut request = self.request(number, method, path).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await.map_err(unanswered)?;
        let status = reply.status();
        let retry_after_ms = retry_after_ms(reply.headers());
        let body: Value = reply.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let word = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Err(CloudFailure {
            status: Some(status.as_u16()),
            is_foreign: false,
            retry_after_ms,
            error: word("/error").unwrap_or_default(),
            job_status: word("/job/status"),
            message: format!("{path} answered {status}"),
        })
    }

    /// Opens a workstation's event socket.
    pub async fn dial(
        &self,
        number: usize,
        token: &str,
        workstation: &str,
    ) -> Result<WebSocketStream<TcpStream>, CloudFailure> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let url = format!(
            "ws://{}/api/workstations/{workstation}/events",
            self.address
        );
        let mut request = url.into_client_request().map_err(unanswered)?;
        let bearer = format!("Bearer {token}").parse().map_err(unanswered)?;
        request.headers_mut().insert("authorization", bearer);
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((source(number), 0).into())?;
            socket.connect(self.address).await
        };
        let stream = connect.await.map_err(unanswered)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_write_buffer_size(64 * BUFFER);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(SocketError::Http(reply)) => Err(CloudFailure {
                status: Some(reply.status().as_u16()),
                retry_after_ms: retry_after_ms(reply.headers()),
                message: format!("the event socket answered {}", reply.status()),
                ..CloudFailure::default()
            }),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Pairs a credential of an owner that may serve many workstations; its token.
    pub async fn pair(&self, owner: usize) -> Result<String> {
        let post = |path: &'static str, body| self.as_owner(owner, Method::POST, path, body);
        let minted = post("/api/workstations/pairing-codes", None).await?;
        let body = serde_json::json!({ "code": minted["pairing"]["code"] });
        let redeemed = post("/api/workstations/pairing-codes/redeem", Some(body)).await?;
        let text = |name: &str| redeemed["credential"][name].as_str().map(str::to_owned);
        let id = text("credential_id").context("no credential id")?;
        let path = format!("/api/workstations/credentials/{id}");
        let several = serde_json::json!({ "may_serve_several": true });
        self.as_owner(owner, Method::PATCH, &path, Some(several))
            .await?;
        text("token").context("no token")
    }
}

fn retry_after_ms(headers: &reqwest::header::HeaderMap) -> Option<u64> {
    let value = headers.get(reqwest::header::RETRY_AFTER)?;
    let seconds: u64 = value.to_str().ok()?.parse().ok()?;
    Some(seconds * 1_000)
}

/// No answer, or none that can be read.
fn unanswered(error: impl std::fmt::Display) -> CloudFailure {
    CloudFailure {
        message: error.to_string(),
        ..CloudFailure::default()
    }
}
