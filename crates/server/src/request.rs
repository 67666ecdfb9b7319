//! The facts of a request that identity and origin rules look at, taken once at the edge.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};

use crate::app::App;
use crate::client::ClientAddress;
use crate::error::ApiError;
use crate::identity::session::cookie_name;
use crate::origin::{AllowedOrigins, Origin};

/// Method, address and headers of a request, without its body.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// Path and query as sent.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The origin the client addressed: the configured scheme with the `Host` header.
    pub own: Option<Origin>,
    /// Where the request came from; only those that passed the edge have it.
    pub client: Option<ClientAddress>,
}

impl Facts {
    /// Takes the facts of a request that reached `app`.
    pub fn new(app: &App, method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let authority = uri
            .authority()
            .map(ToString::to_string)
            .or_else(|| header_text(headers, header::HOST.as_str()).map(str::to_owned));
        let scheme = if app.config().public.is_https() {
            "https"
        } else {
            "http"
        };
        Self {
            method: method.clone(),
            uri: uri.clone(),
            headers: headers.clone(),
            own: authority.and_then(|authority| Origin::from_authority(scheme, &authority)),
            client: None,
        }
    }

    /// A header's text; one that is not visible text reads as absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.headers, name)
    }

    /// The first query value of that name, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        query_value(self.uri.query()?, name)
    }

    /// Every query value of that name, decoded; what cannot be decoded is left out.
    pub fn queries(&self, name: &str) -> Vec<String> {
        let pairs = self.uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| query_value(pair, name)).collect()
    }

    /// Header first, then query (CP-005, RP-006).
    pub fn input(&self, header: &str, query: &str) -> Option<String> {
        self.header(header)
            .map(str::to_owned)
            .or_else(|| self.query(query))
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The trimmed bearer token; the keyword is matched without case (CP 1.5).
    pub fn bearer(&self) -> Option<&str> {
        let (keyword, token) = self.header("authorization")?.trim().split_once(' ')?;
        let token = token.trim();
        (keyword.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// Every offered WebSocket subprotocol.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|token| !token.is_empty())
    }

    /// The value of a browser session's cookie, good or not.
    pub fn session_cookie(&self, app: &App) -> Option<&str> {
        self.cookie(cookie_name(app.config().public.is_https()))
    }

    /// Whether the addressed host is this machine's loopback name (CP-022, CP-023).
    pub fn is_loopback(&self) -> bool {
        self.own.as_ref().is_some_and(Origin::is_loopback)
    }

    /// The origin rule of state-changing routes (CP 1.16).
    pub fn check_origin(&self, app: &App) -> Result<(), ApiError> {
        self.allowed(app).check_mutation(self.origin_header())
    }

    /// The origin rule of sockets (RP 1.8).
    pub fn check_socket_origin(&self, app: &App, required: bool) -> Result<(), ApiError> {
        self.allowed(app)
            .check_socket(self.origin_header(), required)
    }

    /// `Origin` as text; one that is not text counts as present and foreign.
    fn origin_header(&self) -> Option<&str> {
        self.headers
            .get(header::ORIGIN)
            .map(|value| value.to_str().unwrap_or("null"))
    }

    fn allowed<'a>(&self, app: &'a App) -> AllowedOrigins<'a> {
        AllowedOrigins {
            other_loopback: app.config().dev_identity || self.session_cookie(app).is_none(),
            own: self.own.clone(),
            public: Some(&app.config().public),
            output: app.config().output.as_ref(),
        }
    }
}

impl FromRequestParts<App> for Facts {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let mut facts = Self::new(app, &parts.method, &parts.uri, &parts.headers);
        facts.client = parts.extensions.get().copied();
        Ok(facts)
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The first value of `name` in a query string, form-decoded.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(key)? == name).then(|| form_decode(value))?
    })
}

fn form_decode(text: &str) -> Option<String> {
    percent_decode(&text.replace('+', " "))
}

/// Decodes percent escapes once; none when an escape or the UTF-8 is malformed (CP-092).
pub fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = (bytes.next()? as char).to_digit(16)?;
            let low = (bytes.next()? as char).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests;
