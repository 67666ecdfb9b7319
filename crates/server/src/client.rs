//! Who the client is when a proxy stands between; only configured proxies are believed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::Config;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Entries of a forwarding chain that are looked at.
const CHAIN: usize = 32;

/// The address a request really came from, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address as limits count it: an IPv6 host owns a whole network of 64 bits.
    pub fn counted(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(six) => IpAddr::V6((u128::from(six) >> 64 << 64).into()),
            four @ IpAddr::V4(_) => four,
        }
    }
}

/// Finds the client's address, and leaves the request as if the client had come directly: its
/// address in [`ConnectInfo`] and [`ClientAddress`], the host it asked for in `Host`.
pub fn settle(config: &Config, request: &mut Request) -> ClientAddress {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
        .to_canonical();
    let mut client = ClientAddress(peer);
    if trusted(config, peer) {
        client = ClientAddress(origin(config, request.headers()).unwrap_or(peer));
        if let Some(host) = forwarded_host(request.headers()) {
            request.headers_mut().insert(header::HOST, host);
        }
    }
    let extensions = request.extensions_mut();
    extensions.insert(client);
    extensions.insert(ConnectInfo(SocketAddr::new(client.0, 0)));
    client
}

fn trusted(config: &Config, address: IpAddr) -> bool {
    config.proxies.iter().any(|net| net.contains(&address))
}

/// Each proxy appends who spoke to it; reading from the end, the first that is no proxy of ours
/// is the client. What stands before it may be anybody's invention.
fn origin(config: &Config, headers: &HeaderMap) -> Option<IpAddr> {
    let mut last = None;
    let lines: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    let chain = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for entry in chain.take(CHAIN) {
        let Some(address) = address(entry.trim()) else {
            return last;
        };
        last = Some(address);
        if !trusted(config, address) {
            break;
        }
    }
    last
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse()
        .or_else(|_| with_port())
        .ok()
        .or_else(bracketed)
        .map(|address: IpAddr| address.to_canonical())
}

fn forwarded_host(headers: &HeaderMap) -> Option<HeaderValue> {
    let text = headers.get(FORWARDED_HOST)?.to_str().ok()?;
    let host = text.rsplit(',').next()?.trim();
    (!host.is_empty())
        .then(|| HeaderValue::from_str(host).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
