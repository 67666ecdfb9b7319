//! The handshake of a WebSocket, and what is wrong with one (RFC 6455, section 4.2.1).

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use http::request::Parts;
use http::{StatusCode, header};

use crate::app::App;
use crate::error::ApiError;

/// A request that asks for a WebSocket; what does not ask is refused at once.
pub(super) struct Upgrade(Result<WebSocketUpgrade, WebSocketUpgradeRejection>);

impl Upgrade {
    /// The handshake, if it is whole: asked once the caller may know that there is a socket here.
    pub(super) fn whole(self) -> Result<WebSocketUpgrade, ApiError> {
        self.0.map_err(|rejection| {
            let cause = rejection.body_text();
            let text = format!(
                "the WebSocket handshake is not whole: {cause}\nHint: a proxy between may have to be told to pass \
                 `Upgrade` and `Connection` on"
            );
            ApiError::new(rejection.status(), text)
        })
    }
}

impl FromRequestParts<App> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let asked = parts.headers.get(header::UPGRADE);
        let asked = asked.and_then(|value| value.to_str().ok());
        if !asked.is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket")) {
            let text = "expected WebSocket upgrade";
            return Err(ApiError::new(StatusCode::UPGRADE_REQUIRED, text));
        }
        Ok(Self(WebSocketUpgrade::from_request_parts(parts, app).await))
    }
}
