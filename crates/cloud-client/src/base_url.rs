//! Which cloud addresses are accepted, and how paths are put together (spec 2.5).

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// What the addresses of notebooks begin with, and how many segments follow at most: the id, `r` and a version.
const NOTEBOOKS: &str = "n";
const NOTEBOOK_SEGMENTS: usize = 3;

/// A checked cloud address without a trailing slash.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The address does not begin with `http://` or `https://`.
    #[error(
        "the cloud URL {0:?} must start with https:// or http://, in small letters\nHint: copy the address from your browser, for example https://cloud.example.org"
    )]
    Scheme(String),
    /// The address cannot be parsed or has no host.
    #[error("the cloud URL {url:?} is not a valid address: {cause}")]
    Invalid {
        /// What was given.
        url: String,
        /// What the parser says.
        cause: String,
    },
    /// The address holds user-info, a query or a fragment.
    #[error(
        "the cloud URL {url:?} must not contain {part}\nHint: give the plain address of the cloud, without anything after the host and port"
    )]
    Extra {
        /// What was given.
        url: String,
        /// The part that is too much.
        part: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error(
        "the cloud URL {0:?} is plain http and not on this machine: the credential would travel unencrypted\nHint: use https://, or set RUNT_ALLOW_INSECURE_HTTP=1 if you trust the network"
    )]
    Insecure(String),
}

impl BaseUrl {
    /// Parses and normalises an address; `allow_insecure` admits plain HTTP to other machines.
    pub fn parse(input: &str, allow_insecure: bool) -> Result<Self, BaseUrlError> {
        let text = input.trim().trim_end_matches('/');
        let shown = redact_userinfo(text);
        if !(text.starts_with("https://") || text.starts_with("http://")) {
            return Err(BaseUrlError::Scheme(shown));
        }
        let invalid = |cause: &dyn fmt::Display| BaseUrlError::Invalid {
            url: shown.clone(),
            cause: cause.to_string(),
        };
        let url = Url::parse(text).map_err(|e| invalid(&e))?;
        let host = url.host_str().ok_or_else(|| invalid(&"no host"))?;
        let extra = |part| BaseUrlError::Extra {
            url: shown.clone(),
            part,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(extra("a user name or password"));
        }
        if url.query().is_some() {
            return Err(extra("a query"));
        }
        if url.fragment().is_some() {
            return Err(extra("a fragment"));
        }
        if url.scheme() == "http" && !allow_insecure && !is_loopback(host) {
            return Err(BaseUrlError::Insecure(shown));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The cloud's address where that of one of its pages was given, as browsers show it.
    #[must_use]
    pub fn without_page(self) -> Self {
        let Ok(mut url) = Url::parse(&self.0) else {
            return self;
        };
        let segments: Vec<&str> = url.path().split('/').collect();
        let page = (0..segments.len()).find(|at| {
            let behind = segments.len() - at - 1;
            match segments[*at] {
                "workstations" | "account" | "sign-in" | "index.html" => behind == 0,
                NOTEBOOKS => behind <= NOTEBOOK_SEGMENTS,
                _ => false,
            }
        });
        let Some(page) = page else {
            return self;
        };
        let path = segments[..page].join("/");
        url.set_path(&path);
        Self(url.as_str().trim_end_matches('/').to_owned())
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with an absolute path put behind it.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The WebSocket address (`https` → `wss`, `http` → `ws`) with an absolute path behind it.
    pub fn join_ws(&self, path: &str) -> String {
        // `https…` keeps its `s`: only the leading `http` is replaced.
        format!("ws{}{path}", self.0.trim_start_matches("http"))
    }

    /// Whether the cloud is spoken to over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The host, without brackets, and the port.
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let url = Url::parse(&self.0).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, url.port_or_known_default()?))
    }

    /// Whether both addresses have the same scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        let origin = |base: &Self| Url::parse(&base.0).ok().map(|url| url.origin());
        origin(self) == origin(other)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.0)
    }
}

/// Encodes one path segment: `A–Z a–z 0–9 - _ . ~` stay, every other byte becomes `%XX`.
///
/// A segment of dots only is encoded as well, so that it can never be taken for "this" or "the parent folder".
pub fn encode_segment(segment: &str) -> String {
    use fmt::Write as _;
    let dots = !segment.is_empty() && segment.bytes().all(|b| b == b'.');
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if plain && !dots {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The address as it may be printed: without what stands before an `@` in the host part.
fn redact_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
