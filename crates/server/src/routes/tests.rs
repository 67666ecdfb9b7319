//! The control plane over HTTP, without a socket: whole router, own database, standing clock.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod attach_jobs;
mod authority;
mod blobs_together;
mod events;
mod kept;
mod limits;
mod machines;
mod matrix;
mod nul;
mod operation;
mod pairing;
mod room_tokens;
mod workstations;

use crate::testing::TestApp;
use axum::body::Body;
use control_plane::Effect;
use http::Method;
use serde_json::{Value, json};

/// Headers of a person with the development identity.
pub(super) fn person(name: &'static str) -> [(&'static str, &'static str); 2] {
    [("x-user", name), ("x-scope", "owner")]
}

/// A server with the development identity.
pub(super) struct World {
    pub(super) app: TestApp,
}

impl World {
    pub(super) async fn new() -> Self {
        Self {
            app: TestApp::with_dev_identity().await,
        }
    }

    /// A call as a person.
    pub(super) async fn as_person(
        &self,
        name: &'static str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        self.app
            .call(method, path, &person(name), text(&body))
            .await
    }

    /// A call with a bearer token.
    pub(super) async fn as_machine(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        self.app
            .call(
                method,
                path,
                &[("authorization", bearer.as_str())],
                text(&body),
            )
            .await
    }

    /// A call of nobody.
    pub(super) async fn as_nobody(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.app.call(method, path, &[], text(&body)).await
    }

    /// Pairs a machine of `name`; returns its token and the credential's id.
    pub(super) async fn pair(&self, name: &'static str) -> (String, String) {
        let (status, minted) = self
            .as_person(
                name,
                Method::POST,
                "/api/workstations/pairing-codes",
                Value::Null,
            )
            .await;
        assert_eq!(status, 201, "{minted}");
        let (status, redeemed) = self
            .as_nobody(
                Method::POST,
                "/api/workstations/pairing-codes/redeem",
                json!({"code": minted["pairing"]["code"]}),
            )
            .await;
        assert_eq!(status, 201, "{redeemed}");
        let member = |key: &str| redeemed["credential"][key].as_str().unwrap().to_owned();
        (member("token"), member("credential_id"))
    }

    /// Pairs a machine of `name` whose credential may serve several workstations; its token.
    pub(super) async fn pair_for_several(&self, name: &'static str) -> String {
        let (token, id) = self.pair(name).await;
        let path = format!("/api/workstations/credentials/{id}");
        let body = json!({"may_serve_several": true});
        let (status, _) = self.as_person(name, Method::PATCH, &path, body).await;
        assert_eq!(status, 200);
        token
    }

    /// Registers a workstation by token.
    pub(super) async fn register(&self, token: &str, id: &str) {
        let body = json!({"workstation_id": id});
        let (status, answer) = self
            .as_machine(token, Method::POST, "/api/workstations", body)
            .await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Makes a notebook in the catalog.
    pub(super) async fn notebook(&self, name: &str) -> String {
        let caller = control_plane::Caller {
            principal: format!("user:dev:{name}"),
            namespace: "user:dev".to_owned(),
            actor_label: format!("user:dev:{name}/browser:tab"),
            anonymous: false,
            credential: None,
            ceiling: None,
        };
        let now = self.app.now_ms();
        let random = || {
            uuid::Uuid::new_v4().as_u128().to_be_bytes()[..10]
                .try_into()
                .unwrap()
        };
        control_plane::notebooks::create(self.app.catalog(), &caller, None, now, random)
            .await
            .unwrap()
            .id
    }
}

fn text(body: &Value) -> Body {
    if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    }
}

/// What rooms were told since the last question, in short words.
impl World {
    pub(super) fn told(&self) -> Vec<String> {
        self.app.told().take().iter().map(words).collect()
    }
}

fn words(effect: &Effect) -> String {
    match effect {
        Effect::PublishAttachment {
            attachment,
            close_peers,
            ..
        } => match close_peers {
            Some(reason) => format!("publish {} closing: {reason}", attachment.status),
            None => format!("publish {}", attachment.status),
        },
        Effect::RepairRoom {
            reason,
            expected_session: Some(_),
            ..
        } => {
            format!("repair of a session: {reason}")
        }
        Effect::RepairRoom { reason, .. } => format!("repair: {reason}"),
        Effect::CloseCredential { credential_id } => format!("revoke {credential_id}"),
        other => format!("{other:?}"),
    }
}
