//! Origins: parsing, comparing, and the rules who may call from where (CP 1.16, RP 1.8).

use crate::error::ApiError;

/// Scheme, host and port of a web origin, lower-cased, the default port left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Parses `scheme://host[:port]`; a path, query or fragment after it is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        if authority.is_empty() || authority.contains('@') {
            return None;
        }
        Self::from_authority(&scheme, authority)
    }

    /// Builds an origin from a scheme and a `Host` value.
    pub fn from_authority(scheme: &str, authority: &str) -> Option<Self> {
        let (host, port) = split_authority(authority)?;
        let default = if scheme == "https" { 443 } else { 80 };
        Some(Self {
            scheme: scheme.to_owned(),
            host,
            port: port.filter(|port| *port != default),
        })
    }

    /// The host, brackets included for IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the host names this machine (CP-023).
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }

    /// Host and port as a `Host` header would carry them.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Whether a host (no port) is `localhost`, `127.0.0.1` or `[::1]`, and nothing else.
pub fn is_loopback_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1")
}

fn split_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']')?;
        let (host, rest) = authority.split_at(end + 1);
        (
            host,
            rest.strip_prefix(':').or((rest.is_empty()).then_some("")),
        )
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        }
    };
    let port = port?;
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#@".contains(c)) {
        return None;
    }
    let port = if port.is_empty() {
        None
    } else {
        Some(port.parse().ok()?)
    };
    Some((host.to_ascii_lowercase(), port))
}

/// The set of origins a request may come from.
#[derive(Debug, Clone)]
pub struct AllowedOrigins<'a> {
    /// The origin of the request itself.
    pub own: Option<Origin>,
    /// The configured public address.
    pub public: Option<&'a Origin>,
    /// The origin that outputs live on: never allowed (CP-080).
    pub output: Option<&'a Origin>,
    /// Whether, on loopback, other servers of this machine may call as well (CP-075): not with a browser's session, since
    /// a cookie goes to every port of its host (HAZ-28).
    pub other_loopback: bool,
}

impl AllowedOrigins<'_> {
    fn allows(&self, origin: &Origin) -> bool {
        if self.output == Some(origin) {
            return false;
        }
        let own_loopback =
            self.other_loopback && self.own.as_ref().is_some_and(Origin::is_loopback);
        self.own.as_ref() == Some(origin)
            || self.public == Some(origin)
            || (own_loopback && origin.is_loopback())
    }

    /// The rule of state-changing HTTP routes: absent is fine, anything foreign is refused.
    pub fn check_mutation(&self, header: Option<&str>) -> Result<(), ApiError> {
        let Some(text) = header else { return Ok(()) };
        match Origin::parse(text) {
            Some(origin) if self.allows(&origin) => Ok(()),
            _ => Err(ApiError::forbidden("request origin is not allowed")),
        }
    }

    /// The rule of the room socket; `required` when a cookie or credential subprotocol is there.
    pub fn check_socket(&self, header: Option<&str>, required: bool) -> Result<(), ApiError> {
        match header {
            None if required => Err(ApiError::forbidden("websocket origin is required")),
            None => Ok(()),
            Some(text) => match Origin::parse(text) {
                Some(origin) if self.allows(&origin) => Ok(()),
                _ => Err(ApiError::forbidden("websocket origin is not allowed")),
            },
        }
    }
}

#[cfg(test)]
mod tests;
