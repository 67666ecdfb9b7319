//! Which proxy, if any, stands before an address: one answer for HTTP calls and WebSockets.
//!
//! The environment says so, as for curl: `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, excepted by `NO_PROXY`, each in
//! lower case first. This machine itself is never reached through a proxy.

use std::fmt;
use std::net::IpAddr;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use ipnet::IpNet;
use reqwest::Url;

use crate::BaseUrl;

/// Where a SOCKS proxy listens unless its address says otherwise.
const SOCKS_PORT: u16 = 1080;

/// A proxy that the environment names; shown without its user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    variable: &'static str,
}

/// A variable that names no proxy; its value may hold a password and is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} names no proxy that can be used: {why}\nHint: give it as http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT, or unset it"
)]
pub struct ProxyError {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub why: String,
}

/// What the environment says of proxies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    all: Option<Named>,
    exceptions: Vec<Exception>,
}

/// A variable and its value.
#[derive(Clone)]
struct Named(&'static str, String);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A host and every one below it.
    Domain(String),
}

impl Proxies {
    /// Reads the variables.
    pub(crate) fn find(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let named = |lower, upper| {
            [lower, upper].into_iter().find_map(|name| {
                let value = lookup(name)?.trim().to_owned();
                (!value.is_empty()).then_some(Named(name, value))
            })
        };
        let exceptions = named("no_proxy", "NO_PROXY");
        let exceptions = exceptions.as_ref().map_or("", |Named(_, list)| list);
        Self {
            https: named("https_proxy", "HTTPS_PROXY"),
            http: named("http_proxy", "HTTP_PROXY"),
            all: named("all_proxy", "ALL_PROXY"),
            exceptions: exceptions
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter_map(Exception::read)
                .collect(),
        }
    }

    /// The proxy before a cloud; `None` where it is dialled directly.
    pub(crate) fn before(&self, base: &BaseUrl) -> Result<Option<Proxy>, ProxyError> {
        let Some((host, port)) = base.host_and_port() else {
            return Ok(None);
        };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if is_here(&host) || self.exceptions.iter().any(|e| e.holds(&host, port)) {
            return Ok(None);
        }
        let own = if base.is_https() {
            &self.https
        } else {
            &self.http
        };
        match own.as_ref().or(self.all.as_ref()) {
            Some(named) => Proxy::read(named).map(Some),
            None if self.is_silent() => Ok(of_the_system(base)),
            None => Ok(None),
        }
    }

    /// Whether no variable names a proxy at all.
    fn is_silent(&self) -> bool {
        self.https.is_none() && self.http.is_none() && self.all.is_none()
    }
}

/// The proxy that the system's own settings name, where a system has such.
fn of_the_system(base: &BaseUrl) -> Option<Proxy> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let found = Matcher::from_system().intercept(&base.as_str().parse().ok()?)?;
    Some(Proxy {
        url: Url::parse(&found.uri().to_string()).ok()?,
        variable: "the system's settings",
    })
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

impl Proxy {
    fn read(Named(variable, value): &Named) -> Result<Self, ProxyError> {
        let wrong = |why: String| ProxyError { variable, why };
        let text = if value.contains("://") {
            value.clone()
        } else {
            format!("http://{value}")
        };
        let mut url = Url::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https" | "socks5" | "socks5h") {
            return Err(wrong(format!("{scheme} is no way that is spoken here")));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("there is no host".to_owned()));
        }
        if url.port_or_known_default().is_none() {
            // A host is there, so a port may be.
            let _ = url.set_port(Some(SOCKS_PORT));
        }
        Ok(Self { url, variable })
    }

    /// Which variable names it.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// Its host and port.
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let host = self.url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, self.url.port_or_known_default()?))
    }

    /// Whether it is spoken to over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it speaks SOCKS, and if so whether it looks up names itself.
    pub(crate) fn socks(&self) -> Option<bool> {
        self.url
            .scheme()
            .strip_prefix("socks5")
            .map(|rest| rest == "h")
    }

    /// The same for the HTTP client.
    pub(crate) fn for_http(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        reqwest::Proxy::all(self.url.clone())
    }

    /// The same for a connector: address and credentials apart.
    pub(crate) fn intercept(&self, target: &http::Uri) -> Option<Intercept> {
        let matcher = Matcher::builder().all(self.url.as_str()).build();
        matcher.intercept(target)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.url.scheme())?;
        match self.url.port_or_known_default() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self} from {})", self.variable)
    }
}

impl Exception {
    fn read(entry: &str) -> Option<Self> {
        let (host, port) = match entry.rsplit_once(':') {
            // Colons of an address without brackets are its own.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (entry, None),
        };
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        let network = |host: &str| {
            let address = || host.parse::<IpAddr>().map(IpNet::from).ok();
            host.parse::<IpNet>().ok().or_else(address)
        };
        let hosts = match host.trim_start_matches("*.").trim_start_matches('.') {
            "" => return None,
            "*" => Hosts::All,
            host => network(host)
                .map_or_else(|| Hosts::Domain(host.to_ascii_lowercase()), Hosts::Network),
        };
        Some(Self { hosts, port })
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match &self.hosts {
            Hosts::All => true,
            Hosts::Network(network) => host.parse().is_ok_and(|ip: IpAddr| network.contains(&ip)),
            Hosts::Domain(domain) => {
                let rest = host.strip_suffix(domain.as_str());
                let below = |rest: &str| rest.ends_with('.') && host.parse::<IpAddr>().is_err();
                rest.is_some_and(|rest| rest.is_empty() || below(rest))
            }
        }
    }
}

#[cfg(test)]
mod tests;
