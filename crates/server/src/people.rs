//! People on this server: sign-ins noted, principals settled, and those whom the console named
//! disconnected.

pub mod console;
pub mod export;

use std::time::Duration;

use control_plane::people::{self, Profile};
use store::People as _;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::{Identity, oidc};

/// How often the console's word is looked for; sockets end within a second of it.
const LOOK: Duration = Duration::from_millis(400);

impl App {
    /// Notes a sign-in by the provider and returns the principal of the account.
    ///
    /// # Errors
    /// 403 when the account was disabled; the catalog cannot be used.
    pub async fn note_sign_in(&self, profile: oidc::Profile) -> Result<String, ApiError> {
        let namespace = self.oidc().map_or(oidc::DEFAULT_NAMESPACE, |oidc| {
            oidc.config().namespace.as_str()
        });
        let principal = wire::Principal::with_subject(namespace, &profile.subject)
            .map_err(|cause| ApiError::bad_request(format!("Error: {cause}")))?;
        let profile = Profile {
            principal: principal.to_string(),
            namespace: namespace.to_owned(),
            provider: people::OIDC,
            display_name: profile.display_name,
            email: profile.email,
        };
        let now = self.now_ms();
        let catalog = self.catalog();
        let (account, mut effects) = people::signed_in(catalog, &profile, now).await?;
        let (_, accepted) = people::settle(catalog, &profile.principal, now).await?;
        effects.extend(accepted);
        self.carry_out(effects).await;
        Ok(account)
    }

    /// Puts the account in the place of one of its ways to sign in; refuses who was disabled.
    pub(crate) async fn settle(&self, mut identity: Identity) -> Result<Identity, ApiError> {
        if identity.is_anonymous() {
            return Ok(identity);
        }
        let now = self.now_ms();
        let (canonical, effects) = people::settle(self.catalog(), &identity.principal, now).await?;
        self.carry_out(effects).await;
        if let Some(canonical) = canonical {
            identity.principal = canonical;
        }
        Ok(identity)
    }
}

/// Ends the sockets of those whom the console names, until the server stops. Notes are read from
/// the catalog, so that every server on it sees them.
pub async fn watch(app: App) {
    let mut seen = loop {
        match app.catalog().last_disconnect().await {
            Ok(last) => break last,
            Err(cause) => tracing::error!(%cause, "whom to disconnect could not be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = app.closing().cancelled() => return,
        }
    };
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.closing().cancelled() => return,
        }
        match app.catalog().disconnects_after(seen).await {
            Ok(notes) => {
                for (id, principal) in notes {
                    disconnect(&app, &principal).await;
                    seen = id;
                }
            }
            Err(cause) => tracing::error!(%cause, "whom to disconnect could not be read"),
        }
    }
}

async fn disconnect(app: &App, principal: &str) {
    match people::disconnect(app.catalog(), principal, app.now_ms()).await {
        Ok(effects) => app.carry_out(effects).await,
        Err(cause) => tracing::error!(%cause, "a person could not be disconnected"),
    }
}
