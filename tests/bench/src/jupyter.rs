//! The other side of the comparison: a Jupyter Server of its own and a client that reads as fast as it can.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::measure::Run;

const TOKEN: &str = "bench";
/// Longest wait for the server to answer and for one cell to end.
const LIMIT: Duration = Duration::from_mins(2);

/// A running Jupyter Server; dropped, it is killed.
pub struct Server {
    _child: Child,
    base: String,
    http: reqwest::Client,
}

impl Server {
    /// Starts one with its rate limits off and waits until it answers.
    pub async fn start(python: &Path, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let child = Command::new(python)
            .args([
                "-m",
                "jupyter_server",
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
            ])
            .arg(format!("--port={port}"))
            .arg(format!("--IdentityProvider.token={TOKEN}"))
            .arg("--ZMQChannelsWebsocketConnection.limit_rate=False")
            .current_dir(folder)
            .env("JUPYTER_CONFIG_DIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("jupyter.log"))?)
            .kill_on_drop(true)
            .spawn()
            .context("could not start jupyter_server")?;
        let server = Self {
            _child: child,
            base: format!("127.0.0.1:{port}"),
            http: processes::http_client()?,
        };
        let start = Instant::now();
        while !server.is_up().await {
            if start.elapsed() > LIMIT {
                bail!("jupyter_server did not answer; see jupyter.log");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(server)
    }

    async fn is_up(&self) -> bool {
        let url = format!("http://{}/api/status?token={TOKEN}", self.base);
        self.http
            .get(url)
            .send()
            .await
            .is_ok_and(|reply| reply.status().is_success())
    }

    /// Starts a kernel and returns it with the time until it answered.
    pub async fn kernel(&self) -> Result<(Kernel, Duration)> {
        let start = Instant::now();
        let url = format!("http://{}/api/kernels?token={TOKEN}", self.base);
        let reply = self
            .http
            .post(url)
            .json(&json!({ "name": "python3" }))
            .send()
            .await?;
        let kernel: Value = reply.error_for_status()?.json().await?;
        let id = kernel["id"].as_str().context("no kernel id")?.to_owned();
        let url = format!("ws://{}/api/kernels/{id}/channels?token={TOKEN}", self.base);
        let socket = TcpStream::connect(&self.base).await?;
        socket.set_nodelay(true)?;
        let (socket, _) = tokio_tungstenite::client_async_with_config(
            url.into_client_request()?,
            MaybeTlsStream::Plain(socket),
            Some(
                WebSocketConfig::default()
                    .max_message_size(None)
                    .max_frame_size(None),
            ),
        )
        .await?;
        let mut kernel = Kernel {
            socket,
            server: self.base.clone(),
            id,
        };
        kernel
            .request("kernel_info_request", json!({}), |_| ())
            .await?;
        Ok((kernel, start.elapsed()))
    }

    /// Ends a kernel.
    pub async fn stop(&self, kernel: Kernel) -> Result<()> {
        let url = format!(
            "http://{}/api/kernels/{}?token={TOKEN}",
            kernel.server, kernel.id
        );
        self.http.delete(url).send().await?;
        Ok(())
    }
}

/// One kernel through the server's WebSocket.
pub struct Kernel {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    server: String,
    id: String,
}

impl Kernel {
    /// Runs a cell; first output and end are timed from the moment of sending.
    pub async fn execute(&mut self, code: &str) -> Result<Run> {
        let start = Instant::now();
        let mut run = Run::default();
        let content = json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {},
            "allow_stdin": false, "stop_on_error": true,
        });
        self.request("execute_request", content, |message| {
            let content = &message["content"];
            match message["msg_type"].as_str().unwrap_or_default() {
                "stream" => run
                    .text
                    .push_str(content["text"].as_str().unwrap_or_default()),
                "display_data" | "execute_result" => {
                    let text = content["data"]["text/plain"].as_str();
                    run.displays.push(text.unwrap_or_default().to_owned());
                }
                _ => return,
            }
            run.first_output.get_or_insert_with(|| start.elapsed());
        })
        .await?;
        run.total = start.elapsed();
        Ok(run)
    }

    /// Sends a request on the shell channel and reads until its reply and its idle status have both arrived.
    async fn request(
        &mut self,
        kind: &str,
        content: Value,
        mut on_message: impl FnMut(&Value),
    ) -> Result<()> {
        let id = uuid::Uuid::new_v4().to_string();
        let message = json!({
            "header": { "msg_id": id, "msg_type": kind, "session": "bench", "username": "bench",
                        "date": "2026-01-01T00:00:00Z", "version": "5.3" },
            "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": [],
        });
        self.socket.send(Message::text(message.to_string())).await?;
        let (mut replied, mut idle) = (false, false);
        while !(replied && idle) {
            // Jupyter Server leaves Nagle's algorithm on: a client that acknowledges late is served late. The system
            // forgets this wish after some packets.
            #[cfg(target_os = "linux")]
            if let MaybeTlsStream::Plain(stream) = self.socket.get_ref() {
                stream.set_quickack(true)?;
            }
            let next = tokio::time::timeout(LIMIT, self.socket.next())
                .await
                .context("no message in time")?;
            let Some(Message::Text(text)) = next.transpose()? else {
                continue;
            };
            let message: Value = serde_json::from_str(&text)?;
            if message["parent_header"]["msg_id"] != id {
                continue;
            }
            match message["msg_type"].as_str().unwrap_or_default() {
                "status" if message["content"]["execution_state"] == "idle" => idle = true,
                other if other.ends_with("_reply") => replied = true,
                _ => on_message(&message),
            }
        }
        Ok(())
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
