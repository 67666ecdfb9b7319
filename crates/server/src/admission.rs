//! What one caller may take of the server, asked at the edge before any work is done.

use http::{HeaderMap, Request, StatusCode};
use tokio::sync::SemaphorePermit;

use self::places::AddressPlace;

use crate::app::App;
use crate::client::ClientAddress;
use crate::error::ApiError;
use crate::identity::Identity;
use crate::request::Facts;
use crate::sockets::{SocketKind, SocketPlace};

pub mod places;

/// A request's place among those that are answered, until it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    _of_all: SemaphorePermit<'a>,
    _of_address: AddressPlace,
}

/// What separates a header's name, its value and the next header.
const SEPARATORS: usize = 4;

impl App {
    /// Whether a request may be looked at: how large its head is, how many came from there, and
    /// how many are being answered.
    ///
    /// # Errors
    /// 431, or 429 or 503 with `Retry-After`.
    pub fn admit<B>(
        &self,
        client: ClientAddress,
        request: &Request<B>,
    ) -> Result<Place<'_>, ApiError> {
        let limit = self.config().settings.limits.header_bytes;
        let size = request.uri().to_string().len() + head_bytes(request.headers());
        if size as u64 > limit {
            self.metrics().refused("header_bytes");
            return Err(ApiError::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!("the address and headers of a request have at most {limit} bytes"),
            ));
        }
        self.requests().address(client).inspect_err(|_| {
            self.metrics().refused("address_requests");
        })?;
        let most = self.config().settings.limits.address_requests_in_flight;
        let of_address = self.address_places().take(client.counted(), most);
        let of_address = of_address.ok_or_else(|| {
            self.metrics().refused("address_requests_in_flight");
            ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("{most} requests from there are being answered\nHint: try again"),
            )
            .retry_after(1)
        })?;
        let of_all = self.places().try_acquire().map_err(|_| {
            self.metrics().refused("requests_in_flight");
            ApiError::unavailable("the server is busy\nHint: try again").retry_after(1)
        })?;
        Ok(Place {
            _of_all: of_all,
            _of_address: of_address,
        })
    }

    /// Counts a request of somebody who is signed in.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn admit_identity(&self, identity: &Identity) -> Result<(), ApiError> {
        // An anonymous name is the client's invention; its address was counted.
        if identity.is_anonymous() {
            return Ok(());
        }
        self.requests()
            .principal(&identity.principal)
            .inspect_err(|_| self.metrics().refused("principal_requests"))
    }

    /// Takes a place for a socket, until the answer is dropped.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn open_socket(
        &self,
        kind: SocketKind,
        identity: &Identity,
        facts: &Facts,
    ) -> Result<SocketPlace, ApiError> {
        let limits = &self.config().settings.limits;
        let limit = match kind {
            SocketKind::Room if identity.is_anonymous() => limits
                .room_sockets_per_anonymous_address
                .min(limits.room_sockets_per_principal),
            SocketKind::Room => limits.room_sockets_per_principal,
            SocketKind::Events => limits.event_sockets_per_principal,
        };
        let address = facts.client.filter(|_| identity.is_anonymous());
        let holder = address.map_or_else(
            || identity.principal.clone(),
            |address| format!("anonymous at {}", address.counted()),
        );
        self.sockets()
            .open(kind, &holder, limit)
            .inspect_err(|_| self.metrics().refused(kind.limit()))
    }
}

fn head_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS)
        .sum()
}
