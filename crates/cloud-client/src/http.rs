//! The HTTP calls.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use wire::Scope;
use wire::blob_batch::{self, BatchedBlob};
use wire::headers;

use crate::base_url::{BaseUrl, encode_segment};
use crate::error::{CloudError, Refusal, chain, snippet};
use crate::network::Network;
use crate::obstacle::Obstacle;
use crate::retry_after::parse_retry_after;
use crate::room::RoomAuth;
use crate::types::{BlobStored, JobPatch, PairedCredential, PolledJobs, RoomToken};

/// Limit for connecting, and for one whole call (spec 3.4).
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that are idle for longer are not used again: what is on the way may have forgotten them, mostly after a
/// minute.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// Limit for getting one blob, which may be large.
const BLOB_TIMEOUT: Duration = Duration::from_mins(5);
/// Limit for bringing blobs: this, and a second for each so many bytes. What hangs is tried again before long.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
const UPLOAD_BYTES_PER_SECOND: u64 = 256 * 1024;
/// Jobs that one poll asks for at most, and what the reference answers with at most (spec 2.17).
const JOBS_PAGE: usize = 25;
/// Pages of jobs that are read at most.
const JOBS_PAGES: usize = 60;
/// Longest answer that is read.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;
/// Longest piece of an answer in a message.
pub(crate) const SNIPPET: usize = 300;

/// A client of one cloud, with or without a credential.
#[derive(Clone)]
pub struct CloudClient {
    base: BaseUrl,
    network: Network,
    http: reqwest::Client,
    auth: Option<RoomAuth>,
    proxied: bool,
}

impl CloudClient {
    /// Makes a client without a credential.
    pub fn new(network: &Network, base: BaseUrl) -> Result<Self, CloudError> {
        Self::with_call_timeout(network, base, CALL_TIMEOUT)
    }

    /// The same with another limit than 30 seconds for connecting and for one call.
    pub fn with_call_timeout(
        network: &Network,
        base: BaseUrl,
        timeout: Duration,
    ) -> Result<Self, CloudError> {
        let unusable = |e| CloudError::Request {
            call: "preparing the client",
            cause: chain(&e),
        };
        let proxy = network.proxy_before(&base)?;
        let mut tls = (*network.tls(&base, proxy.as_ref())?).clone();
        tls.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(timeout)
            .timeout(timeout)
            .pool_idle_timeout(IDLE_LIMIT)
            // A redirect is never part of this protocol; a portal's must not be taken for an answer.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("runt/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if let Some(proxy) = &proxy {
            builder = builder.proxy(proxy.for_http().map_err(unusable)?);
        }
        Ok(Self {
            base,
            network: network.clone(),
            http: builder.build().map_err(unusable)?,
            auth: None,
            proxied: proxy.is_some(),
        })
    }

    /// The same client with a credential.
    #[must_use]
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.auth = Some(RoomAuth::Bearer(token));
        self
    }

    /// The same client with the credential of a room dial.
    #[must_use]
    pub fn with_auth(mut self, auth: RoomAuth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// The cloud's address.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The network that it goes through.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Redeems a pairing code (spec 2.7 of the control plane) for the machine of that name; sends no
    /// credential.
    pub async fn redeem_pairing_code(
        &self,
        code: &str,
        machine_name: &str,
    ) -> Result<PairedCredential, CloudError> {
        const CALL: &str = "redeeming the pairing code";
        let url = self.base.join("/api/workstations/pairing-codes/redeem");
        let body = json!({ "code": code, "machine_name": machine_name });
        let request = self.http.post(url).json(&body);
        let body = self.send(CALL, request, &[200, 201]).await?;
        let text = |pointer: &str| {
            let value = body.pointer(pointer).and_then(Value::as_str);
            value.filter(|s| !s.is_empty()).map(str::to_owned)
        };
        let missing = |name: &str| CloudError::Incomplete {
            call: CALL,
            missing: name.to_owned(),
        };
        let token = text("/credential/token").ok_or_else(|| missing("credential.token"))?;
        let credential_id =
            text("/credential/credential_id").ok_or_else(|| missing("credential.credential_id"))?;
        Ok(PairedCredential {
            token: SecretString::from(token),
            credential_id,
            pairing_id: text("/pairing/id"),
        })
    }

    /// Whether a notebook cloud answers at the address, and not only something else on its host; sends no credential.
    pub async fn is_cloud(&self) -> bool {
        let request = self.http.get(self.base.join("/api/health"));
        let answer = self.send("asking who answers", request, &[200]).await;
        answer.is_ok_and(|body| body.get("status").is_some_and(Value::is_string))
    }

    /// Registers the workstation, or renews its lease; `payload` is spec 3.5's.
    pub async fn register<P: Serialize + ?Sized>(&self, payload: &P) -> Result<Value, CloudError> {
        let request = self
            .request(Method::POST, "/api/workstations")
            .json(payload);
        self.send("registering the workstation", request, &[200, 201])
            .await
    }

    /// Lists the owner's workstations as the cloud sends them.
    pub async fn list_workstations(&self) -> Result<Value, CloudError> {
        let request = self.request(Method::GET, "/api/workstations");
        self.send("listing the workstations", request, &[200]).await
    }

    /// Polls the attach jobs of a workstation: all pages, where the cloud names a next one (an addition), and else the
    /// largest page.
    pub async fn poll_attach_jobs(&self, workstation_id: &str) -> Result<PolledJobs, CloudError> {
        let path = format!(
            "/api/workstations/{}/attach-jobs?limit={JOBS_PAGE}",
            encode_segment(workstation_id)
        );
        let request = self.request(Method::GET, &path);
        let mut body = self.send("polling attach jobs", request, &[200]).await?;
        let mut polled = PolledJobs::from_body(&body);
        for _ in 1..JOBS_PAGES {
            let Some(next) = body.get("next").and_then(Value::as_str) else {
                break;
            };
            let path = format!("{path}&after={}", encode_segment(next));
            let request = self.request(Method::GET, &path);
            body = self.send("polling attach jobs", request, &[200]).await?;
            polled.append(PolledJobs::from_body(&body));
        }
        Ok(polled)
    }

    /// Reports a job's state.
    pub async fn patch_attach_job(
        &self,
        workstation_id: &str,
        job_id: &str,
        patch: &JobPatch,
    ) -> Result<Value, CloudError> {
        let path = format!(
            "/api/workstations/{}/attach-jobs/{}",
            encode_segment(workstation_id),
            encode_segment(job_id)
        );
        let request = self.request(Method::PATCH, &path).json(patch);
        self.send("reporting the attach job", request, &[200, 204])
            .await
    }

    /// Removes the workstation's registration.
    pub async fn deregister(&self, workstation_id: &str) -> Result<(), CloudError> {
        let path = format!("/api/workstations/{}", encode_segment(workstation_id));
        let request = self.request(Method::DELETE, &path);
        self.send("removing the workstation", request, &[200, 204])
            .await
            .map(|_| ())
    }

    /// Revokes a credential; the credential may revoke itself.
    pub async fn revoke_credential(&self, credential_id: &str) -> Result<(), CloudError> {
        let path = format!(
            "/api/workstations/credentials/{}/revoke",
            encode_segment(credential_id)
        );
        let request = self.request(Method::POST, &path);
        self.send("revoking the credential", request, &[200])
            .await
            .map(|_| ())
    }

    /// Exchanges an accepted job for a token of its room (decision D16).
    pub async fn exchange_job(
        &self,
        workstation_id: &str,
        job_id: &str,
    ) -> Result<RoomToken, CloudError> {
        const CALL: &str = "exchanging the attach job for a room token";
        let path = format!(
            "/api/workstations/{}/attach-jobs/{}/room-token",
            encode_segment(workstation_id),
            encode_segment(job_id)
        );
        let request = self.request(Method::POST, &path);
        let body = self.send(CALL, request, &[200, 201]).await?;
        let token = body.pointer("/room_token/token").and_then(Value::as_str);
        let lifetime = body
            .pointer("/room_token/lifetime_ms")
            .and_then(Value::as_u64);
        match (token, lifetime) {
            (Some(token), Some(lifetime)) => Ok(RoomToken {
                token: SecretString::from(token.to_owned()),
                lifetime: Duration::from_millis(lifetime),
            }),
            _ => Err(CloudError::Incomplete {
                call: CALL,
                missing: "room_token.token or room_token.lifetime_ms".to_owned(),
            }),
        }
    }

    /// Replaces the client's own credential by a new token (decision D7).
    pub async fn rotate_credential(&self, credential_id: &str) -> Result<SecretString, CloudError> {
        const CALL: &str = "rotating the credential";
        let path = format!(
            "/api/workstations/credentials/{}/rotate",
            encode_segment(credential_id)
        );
        let request = self.request(Method::POST, &path);
        let body = self.send(CALL, request, &[200]).await?;
        let token = body.pointer("/credential/token").and_then(Value::as_str);
        token
            .map(|token| SecretString::from(token.to_owned()))
            .ok_or_else(|| CloudError::Incomplete {
                call: CALL,
                missing: "credential.token".to_owned(),
            })
    }

    /// Uploads a blob under its SHA-256 in hex, as a runtime peer; one attempt.
    pub async fn put_blob(
        &self,
        notebook_id: &str,
        hash: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<BlobStored, CloudError> {
        let path = format!(
            "/api/n/{}/blobs/{}",
            encode_segment(notebook_id),
            encode_segment(hash)
        );
        let request = self.upload(Method::PUT, &path, content_type, body);
        let answer = self.send("uploading a blob", request, &[200, 201]).await?;
        let deduplicated = answer
            .get("deduplicated")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Ok(BlobStored { deduplicated })
    }

    /// Uploads many small blobs by one request. A cloud that knows no such request refuses with 404 or 405.
    pub async fn post_blobs(
        &self,
        notebook_id: &str,
        blobs: &[BatchedBlob],
    ) -> Result<(), CloudError> {
        let path = format!("/api/n/{}/blobs", encode_segment(notebook_id));
        let body = blob_batch::encode(blobs).into();
        let request = self.upload(Method::POST, &path, blob_batch::MEDIA_TYPE, body);
        self.send("uploading blobs", request, &[200]).await?;
        Ok(())
    }

    /// Gets a blob of up to `limit` bytes, as a runtime peer; one attempt. A longer one comes cut.
    pub async fn get_blob(
        &self,
        notebook_id: &str,
        hash: &str,
        limit: usize,
    ) -> Result<Vec<u8>, CloudError> {
        const CALL: &str = "reading a blob";
        let path = format!(
            "/api/n/{}/blobs/{}",
            encode_segment(notebook_id),
            encode_segment(hash)
        );
        let sent = self.blob_request(Method::GET, &path).send().await;
        let unreachable = |error| self.unreachable(error);
        let mut response = sent.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let is_there = status == StatusCode::OK;
        let limit = if is_there { limit } else { MAX_BODY };
        let bytes = read_limited(&mut response, limit)
            .await
            .map_err(unreachable)?;
        if is_there {
            return Ok(bytes);
        }
        Err(refused(CALL, &self.base, status, &headers, &bytes))
    }

    /// A request that brings blobs, as a runtime peer.
    fn upload(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> RequestBuilder {
        let more = Duration::from_secs(body.len() as u64 / UPLOAD_BYTES_PER_SECOND);
        self.blob_request(method, path)
            .timeout(UPLOAD_TIMEOUT + more)
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
    }

    fn blob_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .timeout(BLOB_TIMEOUT)
            .header(headers::SCOPE, Scope::RuntimePeer.as_str())
            .header(headers::OPERATOR, "agent:runt:blob-publisher")
    }

    /// Makes any other JSON call with the client's credential; `accepted` names the statuses of success.
    pub async fn call_json(
        &self,
        call: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accepted: &[u16],
    ) -> Result<Value, CloudError> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(call, request, accepted).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.base.join(path));
        match &self.auth {
            Some(RoomAuth::Bearer(token)) => request.bearer_auth(token.expose_secret()),
            Some(RoomAuth::Dev { token, user }) => request
                .header(headers::DEV_TOKEN, token.expose_secret())
                .header(headers::USER, user),
            None => request,
        }
    }

    /// Gets a path without the credential: status, headers, and as much of the body as is read.
    pub(crate) async fn get_bare(
        &self,
        call: &'static str,
        path: &str,
        limit: Duration,
    ) -> Result<(u16, header::HeaderMap, Vec<u8>), CloudError> {
        let mut response = self.open_bare(call, path, limit).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let unreachable = |error| self.unreachable(error);
        let body = read_limited(&mut response, MAX_BODY)
            .await
            .map_err(unreachable)?;
        Ok((status, headers, body))
    }

    /// Gets a path without the credential, up to the headers of the answer.
    pub(crate) async fn open_bare(
        &self,
        call: &'static str,
        path: &str,
        limit: Duration,
    ) -> Result<Response, CloudError> {
        let request = self.http.get(self.base.join(path)).timeout(limit);
        let request = request.build().map_err(|e| CloudError::Request {
            call,
            cause: chain(&e),
        })?;
        let sent = self.http.execute(request).await;
        sent.map_err(|error| self.unreachable(error))
    }

    pub(crate) fn unreachable(&self, error: reqwest::Error) -> CloudError {
        let error = error.without_url();
        if error.is_timeout() {
            return CloudError::no_answer(&self.base, self.proxied);
        }
        CloudError::unreachable(&self.base, &error, self.proxied)
    }

    async fn send(
        &self,
        call: &'static str,
        request: RequestBuilder,
        accepted: &[u16],
    ) -> Result<Value, CloudError> {
        let request = request.build().map_err(|e| CloudError::Request {
            call,
            cause: chain(&e),
        })?;
        let unreachable = |error| self.unreachable(error);
        let mut response = self.http.execute(request).await.map_err(unreachable)?;
        let status = response.status();
        let headers = response.headers().clone();
        let bytes = read_limited(&mut response, MAX_BODY)
            .await
            .map_err(unreachable)?;
        if !accepted.contains(&status.as_u16()) {
            return Err(refused(call, &self.base, status, &headers, &bytes));
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&bytes).map_err(|e| CloudError::Foreign {
            call,
            base: self.base.to_string(),
            status: status.as_u16(),
            cause: if is_page(&headers, &bytes) {
                "a web page came".to_owned()
            } else {
                format!("something else than JSON came ({e})")
            },
        })
    }
}

/// What an answer means that is none of those hoped for, to a call or to the upgrade of a WebSocket.
pub(crate) fn refused(
    call: &'static str,
    base: &BaseUrl,
    status: StatusCode,
    headers: &HeaderMap,
    bytes: &[u8],
) -> CloudError {
    let text = |name| headers.get(name)?.to_str().ok();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return CloudError::behind(base, Obstacle::ProxyLogin, "status 407".to_owned());
    }
    if status.is_redirection() || status.is_success() {
        return CloudError::Foreign {
            call,
            base: base.to_string(),
            status: status.as_u16(),
            cause: match text(header::LOCATION) {
                Some(to) => format!("a redirect to {} came", snippet(to, SNIPPET)),
                None if is_page(headers, bytes) => "a web page came".to_owned(),
                None => "another answer came".to_owned(),
            },
        };
    }
    let body = String::from_utf8_lossy(bytes);
    let parsed: Option<Value> = serde_json::from_str(&body).ok();
    let own = parsed.as_ref().and_then(|body| body.get("error"));
    let in_cloud_words = own.is_some_and(Value::is_string);
    let shown = match own.and_then(Value::as_str) {
        Some(words) => words,
        None if is_page(headers, bytes) => "a web page, as proxies and sign-in portals send",
        None => &body,
    };
    CloudError::Refused(Box::new(Refusal {
        call,
        status: status.as_u16(),
        snippet: snippet(shown, SNIPPET),
        in_cloud_words,
        retry_after: text(header::RETRY_AFTER)
            .and_then(|value| parse_retry_after(value, unix_ms())),
        body: parsed.unwrap_or_else(|| error_object(&body)),
    }))
}

/// Whether an answer is a web page.
pub(crate) fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
        || body.trim_ascii_start().starts_with(b"<")
}

/// A refusal's body that is not JSON: blank → `{}`, other text → `{"error": first 500 characters}` (WS-137).
fn error_object(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    json!({ "error": snippet(text, 500) })
}

/// Milliseconds since 1970, for dates in headers.
pub(crate) fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_millis() as i64)
}

/// The first `limit` bytes of an answer.
pub(crate) async fn read_limited(
    response: &mut Response,
    limit: usize,
) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    Ok(bytes)
}
