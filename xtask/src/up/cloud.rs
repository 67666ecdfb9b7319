//! The few HTTP calls of `up`, made as the owner's signed-in browser would make them.

use std::cell::RefCell;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A signed-in client of the local cloud.
pub struct Cloud {
    base: String,
    agent: ureq::Agent,
    cookie: RefCell<String>,
}

impl Cloud {
    /// A client that is not signed in yet.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(15)))
            .build();
        Self {
            base: base.to_owned(),
            agent: config.into(),
            cookie: RefCell::default(),
        }
    }

    /// Whether the cloud answers.
    pub fn is_healthy(&self) -> bool {
        self.agent
            .get(format!("{}/api/health", self.base))
            .call()
            .is_ok_and(|reply| reply.status() == 200)
    }

    /// Exchanges a sign-in link for a session cookie.
    pub fn sign_in(&self, link: &str) -> Result<()> {
        let reply = self
            .agent
            .get(link)
            .call()
            .context("the sign-in link did not answer")?;
        let cookies = reply.headers().get_all("set-cookie");
        let pairs: Vec<&str> = cookies
            .iter()
            .filter_map(|c| c.to_str().ok()?.split(';').next())
            .collect();
        if pairs.is_empty() {
            bail!(
                "the sign-in link gave no session (status {})",
                reply.status()
            );
        }
        *self.cookie.borrow_mut() = pairs.join("; ");
        Ok(())
    }

    /// A fresh pairing code.
    pub fn mint_pairing_code(&self) -> Result<String> {
        let reply = self.post("/api/workstations/pairing-codes", &json!({}))?;
        text(&reply["pairing"]["code"], "a pairing code")
    }

    /// Whether a credential exists and is not revoked.
    pub fn has_live_credential(&self, id: &str) -> Result<bool> {
        let reply = self.get("/api/workstations/credentials")?;
        let rows = reply["credentials"].as_array().cloned().unwrap_or_default();
        Ok(rows
            .iter()
            .any(|row| row["credential_id"] == id && row["revoked_at"].is_null()))
    }

    /// Ids of the owner's notebooks, the most recently changed first.
    pub fn notebooks(&self) -> Result<Vec<String>> {
        let reply = self.get("/api/n")?;
        let rows = reply["notebooks"].as_array().cloned().unwrap_or_default();
        Ok(rows
            .iter()
            .filter_map(|row| row["notebook_id"].as_str().map(str::to_owned))
            .collect())
    }

    /// Creates the notebook that a newcomer sees first.
    pub fn create_welcome_notebook(&self) -> Result<String> {
        let content: Value = serde_json::from_str(include_str!("welcome.ipynb"))?;
        let reply = self.post("/api/n", &json!({ "title": "Welcome", "content": content }))?;
        text(&reply["notebook_id"], "a notebook")
    }

    fn get(&self, path: &str) -> Result<Value> {
        let reply = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("Cookie", self.cookie.borrow().as_str());
        read(path, reply.call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Cookie", self.cookie.borrow().as_str())
            .header("Origin", &self.base)
            .header("Content-Type", "application/json");
        read(path, request.send(body.to_string()))
    }
}

fn read(path: &str, reply: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut reply = reply.with_context(|| format!("{path} did not answer"))?;
    let body = reply.body_mut().read_to_string()?;
    if !reply.status().is_success() {
        bail!("{path} answered {}: {body}", reply.status());
    }
    serde_json::from_str(&body).with_context(|| format!("{path} did not answer JSON"))
}

fn text(value: &Value, what: &str) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("the cloud did not answer with {what}"))
}
