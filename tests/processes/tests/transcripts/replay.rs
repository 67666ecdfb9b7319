//! Plays a recorded conversation against our server and notes every difference.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use processes::Cloud;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::record::{Line, Said, Step};
use crate::shape::Names;
use crate::socket::Socket;

/// Headers that belong to the transport.
const TRANSPORT: [&str; 8] = [
    "host",
    "content-length",
    "accept",
    "upgrade",
    "connection",
    "sec-websocket-version",
    "sec-websocket-key",
    "origin",
];
/// Headers of an answer that clients act on.
const COMPARED: [&str; 3] = ["content-type", "cache-control", "retry-after"];
/// The origins that the recording's servers gave themselves.
const ORIGINS: [&str; 2] = ["http://preview.runt.run", "http://cloud.example:8787"];

/// A conversation being played.
pub struct Replay<'a> {
    cloud: &'a Cloud,
    http: reqwest::Client,
    names: Names,
    sockets: BTreeMap<u64, Socket>,
    accepted_shape: Option<Value>,
    /// Every difference: `exchange path: what`.
    pub differences: Vec<String>,
}

impl<'a> Replay<'a> {
    /// Begins a conversation.
    pub fn new(cloud: &'a Cloud) -> Result<Self> {
        let mut names = Names::default();
        for origin in ORIGINS {
            names.learn(origin, &cloud.url());
        }
        Ok(Self {
            cloud,
            http: reqwest::Client::builder().no_proxy().build()?,
            names,
            sockets: BTreeMap::new(),
            accepted_shape: None,
            differences: Vec::new(),
        })
    }

    /// Pairs and registers a machine that the recording only mentions: what its server had before.
    pub async fn pair_another(&self, user: &str) -> Result<()> {
        let post = async |path: &str, token: Option<&str>, body: Value| -> Result<Value> {
            let call = self.http.post(format!("{}{path}", self.cloud.url()));
            let call = match token {
                Some(token) => call.bearer_auth(token),
                None => call.header("x-user", user).header("x-scope", "owner"),
            };
            Ok(call
                .json(&body)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await?)
        };
        let codes = "/api/workstations/pairing-codes";
        let minted = post(codes, None, json!({})).await?;
        let code = json!({ "code": minted["pairing"]["code"] });
        let redeemed = post(&format!("{codes}/redeem"), None, code).await?;
        let token = redeemed["credential"]["token"].as_str();
        let machine = json!({ "workstation_id": "ws-lab", "display_name": "Lab box" });
        post("/api/workstations", token, machine).await?;
        Ok(())
    }

    /// Plays a recording; the numbers of sockets and exchanges go on from an earlier one.
    pub async fn play(&mut self, lines: &[Line]) -> Result<()> {
        for (index, line) in lines.iter().enumerate() {
            self.step(line)
                .await
                .with_context(|| format!("step {index}, exchange {}", line.n))?;
        }
        Ok(())
    }

    /// Notes what the open sockets still say.
    pub async fn finish(&mut self) -> Result<()> {
        let mut sockets = std::mem::take(&mut self.sockets);
        for (n, socket) in &mut sockets {
            for said in socket.rest().await? {
                self.differences
                    .push(format!("{n} {}: extra ({said:?})", brief(&said)));
            }
        }
        Ok(())
    }

    async fn step(&mut self, line: &Line) -> Result<()> {
        match &line.step {
            Step::Http { request, response } => self.exchange(line.n, request, response).await,
            Step::Dial { request, response } => self.dial(line.n, request, response).await,
            Step::Client(said) => self.say(line.n, said).await,
            Step::Server(said) => self.hear(line.n, said).await,
            Step::End { by_client } => {
                if *by_client && let Some(mut socket) = self.sockets.remove(&line.n) {
                    for said in socket.rest().await? {
                        let n = line.n;
                        self.differences
                            .push(format!("{n} {}: extra ({said:?})", brief(&said)));
                    }
                }
                Ok(())
            }
        }
    }

    fn headers(&self, recorded: &Value) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in recorded.as_object().into_iter().flatten() {
            if TRANSPORT.contains(&name.as_str()) {
                continue;
            }
            let value = self.names.text(value.as_str().context("a header's value")?);
            headers.insert(
                HeaderName::from_bytes(name.as_bytes())?,
                HeaderValue::from_str(&value)?,
            );
        }
        Ok(headers)
    }

    fn address(&self, request: &Value) -> Result<String> {
        Ok(self.names.text(request["url"].as_str().context("no url")?))
    }

    async fn exchange(&mut self, n: u64, request: &Value, recorded: &Value) -> Result<()> {
        let method = request["method"].as_str().context("no method")?.parse()?;
        let url = format!("{}{}", self.cloud.url(), self.address(request)?);
        let mut call = self
            .http
            .request(method, url)
            .headers(self.headers(&request["headers"])?);
        call = match &request["body"] {
            Value::Null => call,
            Value::String(text) => call.body(whole(text, &request["headers"])?),
            body if body["hex_head"].is_string() => call.body(bytes_of(body)?),
            body => call.body(self.names.json(body).to_string()),
        };
        let answer = call.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?;
        let body = match &recorded["body"] {
            expected if expected["hex_head"].is_string() => {
                if body == bytes_of(expected)? {
                    expected.clone()
                } else {
                    json!({ "bytes": body.len() })
                }
            }
            _ => serde_json::from_slice(&body)
                .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()),
        };
        if recorded["status"] != status {
            let expected = &recorded["status"];
            self.differences.push(format!(
                "{n} status: {status} instead of {expected} ({body})"
            ));
            return Ok(());
        }
        for name in COMPARED {
            let expected = recorded["headers"][name].as_str();
            let ours = headers.get(name).and_then(|value| value.to_str().ok());
            if expected.is_some() && expected != ours {
                self.differences
                    .push(format!("{n} {name}: {ours:?} instead of {expected:?}"));
            }
        }
        for difference in self.names.compare(&recorded["body"], &body) {
            self.differences.push(format!("{n} {difference}"));
        }
        Ok(())
    }

    async fn dial(&mut self, n: u64, request: &Value, recorded: &Value) -> Result<()> {
        let address = self.address(request)?;
        let mut dial = format!("ws://{}{address}", self.cloud.address()).into_client_request()?;
        for (name, value) in self.headers(&request["headers"])? {
            dial.headers_mut()
                .insert(name.context("a repeated header")?, value);
        }
        let stream = TcpStream::connect(self.cloud.address()).await?;
        stream.set_nodelay(true)?;
        let raw: Vec<&str> = recorded["raw"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let (status, headers, stream) = match tokio_tungstenite::client_async(dial, stream).await {
            Ok((stream, answer)) => (101, answer.headers().clone(), Some(stream)),
            Err(Error::Http(answer)) => (answer.status().as_u16(), answer.headers().clone(), None),
            Err(cause) => return Err(cause.into()),
        };
        let expected = raw.first().and_then(|line| line.split(' ').nth(1));
        if expected != Some(&status.to_string()) {
            self.differences
                .push(format!("{n} upgrade: {status} instead of {expected:?}"));
        }
        for name in ["sec-websocket-protocol", "content-type"] {
            let expected = raw.iter().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then_some(value)
            });
            let ours = headers.get(name).and_then(|value| value.to_str().ok());
            if expected != ours {
                self.differences
                    .push(format!("{n} {name}: {ours:?} instead of {expected:?}"));
            }
        }
        if let Some(stream) = stream {
            let is_room = address.contains("/sync");
            self.sockets.insert(n, Socket::new(stream, is_room)?);
        }
        Ok(())
    }

    async fn say(&mut self, n: u64, said: &Said) -> Result<()> {
        let Some(socket) = self.sockets.get_mut(&n) else {
            return Ok(());
        };
        match said {
            Said::Sync => Ok(()),
            Said::Frame(kind, request) => {
                // The recorded client wrote its cells by sync frames.
                if request["execution_id"].is_string()
                    && let Some(cell) = request["cell_id"].as_str()
                {
                    socket.add_cell(cell).await?;
                }
                let request = self.names.json(request);
                socket.say(&Said::Frame(*kind, request)).await
            }
            other => socket.say(other).await,
        }
    }

    async fn hear(&mut self, n: u64, recorded: &Said) -> Result<()> {
        if *recorded == Said::Sync {
            return Ok(());
        }
        if let Said::Frame(_, json) = recorded
            && json["type"] == "cloud_frame_accepted"
            && json["frame_type"] != 1
        {
            self.accepted_shape = Some(json.clone());
            return Ok(());
        }
        let Some(socket) = self.sockets.get_mut(&n) else {
            self.differences
                .push(format!("{n} {}: the socket is gone", brief(recorded)));
            return Ok(());
        };
        loop {
            let Some(ours) = socket.next().await? else {
                self.differences
                    .push(format!("{n} {}: missing", brief(recorded)));
                return Ok(());
            };
            if brief(&ours) == brief(recorded) {
                self.same(n, recorded, &ours)?;
                break;
            }
            if matches!(ours, Said::Close(_)) {
                self.differences
                    .push(format!("{n} {}: missing", brief(recorded)));
                socket.unread(ours);
                return Ok(());
            }
            self.differences
                .push(format!("{n} {}: extra ({ours:?})", brief(&ours)));
        }
        self.check_accepted(n)
    }

    fn same(&mut self, n: u64, recorded: &Said, ours: &Said) -> Result<()> {
        let (recorded, ours) = match (recorded, ours) {
            (Said::Frame(_, recorded), Said::Frame(_, ours))
            | (Said::Text(recorded), Said::Text(ours)) => (recorded, ours),
            (Said::Close(recorded), Said::Close(ours)) => {
                if recorded.is_some() && recorded != ours {
                    self.differences
                        .push(format!("{n} close: {ours:?} instead of {recorded:?}"));
                }
                return Ok(());
            }
            _ => bail!("{ours:?} instead of {recorded:?}"),
        };
        let name = recorded["type"].as_str().unwrap_or("text").to_owned();
        for difference in self.names.compare(recorded, ours) {
            self.differences.push(format!("{n} {name} {difference}"));
        }
        Ok(())
    }

    /// Answers to sync frames differ in number and size; their keys must not.
    fn check_accepted(&mut self, n: u64) -> Result<()> {
        let Some(shape) = &self.accepted_shape else {
            return Ok(());
        };
        let socket = self.sockets.get_mut(&n).context("no socket")?;
        let keys = |value: &Value| -> Vec<String> {
            value
                .as_object()
                .map(|members| members.keys().cloned().collect())
                .unwrap_or_default()
        };
        for ours in socket.accepted() {
            if keys(&ours) != keys(shape) {
                self.differences
                    .push(format!("{n} cloud_frame_accepted: {ours}"));
            }
        }
        Ok(())
    }
}

/// A message in a word or two. Both answers to a request read the same, so that they are compared.
fn brief(said: &Said) -> String {
    match said {
        Said::Frame(7, json) if json["frame_type"] == 1 => "answer".to_owned(),
        Said::Frame(1, json) => format!("request {}", json["action"].as_str().unwrap_or("?")),
        Said::Frame(_, json) => json["type"].as_str().unwrap_or("?").to_owned(),
        Said::Sync => "sync".to_owned(),
        Said::Text(Value::String(text)) => text.clone(),
        Said::Text(json) => {
            let status = json["data"]["status"].as_str().unwrap_or_default();
            format!("event {} {status}", json["event"].as_str().unwrap_or("?"))
                .trim_end()
                .to_owned()
        }
        Said::Close(_) => "close".to_owned(),
    }
}

/// The recording keeps the first bytes of a body: 0, 1, 2 and so on, around and around.
fn bytes_of(body: &Value) -> Result<Vec<u8>> {
    let count = usize::try_from(body["bytes"].as_u64().context("no size")?)?;
    Ok((0..=u8::MAX).cycle().take(count).collect())
}

/// The recording keeps the beginning of a long text, which goes on in the same lines for 200,000 letters.
fn whole(text: &str, headers: &Value) -> Result<String> {
    const LETTERS: usize = 200_000;
    let size = headers["content-length"].as_str().unwrap_or_default();
    if size == text.len().to_string() {
        return Ok(text.to_owned());
    }
    let line = text.lines().next().context("an empty text")?;
    let mut whole = format!("{line}\n").repeat(LETTERS / line.len());
    whole.push_str(&line[..LETTERS % line.len()]);
    whole.push('\n');
    if size != whole.len().to_string() {
        bail!("a text of {size} bytes cannot be made from its beginning");
    }
    Ok(whole)
}
