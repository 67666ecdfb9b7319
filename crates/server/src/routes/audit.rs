//! The audit trail as people read it (additive to the specification).
//!
//! - `GET /api/n/{notebook_id}/audit?limit=&before=`: what happened to a notebook, for its owners.
//! - `GET /api/audit?limit=&before=`: what the caller did, and what was done to them.
//!
//! → `{"ok":true,"events":[{"id","at","actor_label","actor_display","action","notebook_id",
//! "notebook_title","subject","subject_display","detail"}],"next_before"}`, newest first;
//! `next_before` continues, null at the end. The displays are names of people who have an account
//! here, the title that of a notebook the caller may look at; each is null when there is none. To the
//! owners of a notebook the display of an invite is the invited address, as their list of invites says
//! it; the trail itself never holds an address.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Downgrade};
use control_plane::{Caller, audit, invitations};
use http::StatusCode;
use serde_json::{Value, json};
use store::{AuditLine, AuditOf, AuditTrail as _};
use wire::{Principal, Scope, UnixMs};

use super::acl::person_display;
use super::path::NotebookPath;
use super::table::Routes;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of the audit trail.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/audit", of_person)
        .get("/api/n/{notebook_id}/audit", of_notebook)
}

async fn of_person(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    caller.manages("sign in to read the audit trail")?;
    let of = AuditOf::Person(&caller.principal);
    page(&app, &facts, &caller, of, Names::default()).await
}

async fn of_notebook(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, &id, Scope::Owner, Downgrade::Never).await?;
    let invites = invitations::invites(app.catalog(), &id).await?;
    let invites = invites.into_iter().map(|invite| (invite.id, invite.email));
    let names = Names {
        invites: invites.collect(),
        ..Names::default()
    };
    page(&app, &facts, &caller, AuditOf::Notebook(&id), names).await
}

async fn page(
    app: &App,
    facts: &Facts,
    caller: &Caller,
    of: AuditOf<'_>,
    mut names: Names,
) -> Result<Response, ApiError> {
    let limit = audit::limit(facts.query("limit").as_deref())?;
    let before = audit::before(facts.query("before").as_deref())?;
    let lines = app.catalog().audit_lines(of, before, limit).await?;
    let full = i64::try_from(lines.len()).is_ok_and(|count| count == limit);
    let next = lines.last().filter(|_| full).map(|line| line.id);
    let mut events = Vec::with_capacity(lines.len());
    for line in &lines {
        events.push(shown(app, caller, &mut names, line).await);
    }
    Ok(json_response(
        StatusCode::OK,
        &json!({ "ok": true, "events": events, "next_before": next }),
    ))
}

async fn shown(app: &App, caller: &Caller, names: &mut Names, line: &AuditLine) -> Value {
    let actor = line.actor_label.split('/').next().unwrap_or_default();
    json!({
        "id": line.id,
        "at": UnixMs(line.at_ms),
        "actor_label": line.actor_label,
        "actor_display": names.person(app, actor).await,
        "action": line.action,
        "notebook_id": line.notebook_id,
        "notebook_title": names.title(app, caller, line.notebook_id.as_deref()).await,
        "subject": line.subject,
        "subject_display": names.subject(app, line.subject.as_deref().unwrap_or_default()).await,
        "detail": line.detail,
    })
}

/// Names that were looked up for one page; each once.
#[derive(Default)]
struct Names {
    people: HashMap<String, Option<String>>,
    titles: HashMap<String, Option<String>>,
    /// The addresses of the notebook's invites.
    invites: HashMap<String, String>,
}

impl Names {
    async fn subject(&mut self, app: &App, subject: &str) -> Option<String> {
        match self.invites.get(subject) {
            Some(address) => Some(address.clone()),
            None => self.person(app, subject).await,
        }
    }

    /// The name of somebody who has an account here.
    async fn person(&mut self, app: &App, principal: &str) -> Option<String> {
        if Principal::parse(principal).is_err() {
            return None;
        }
        if let Some(known) = self.people.get(principal) {
            return known.clone();
        }
        let display = person_display(app, principal).await;
        let name = display["label"]
            .as_str()
            .filter(|label| *label != principal);
        let name = name.map(str::to_owned);
        self.people.insert(principal.to_owned(), name.clone());
        name
    }

    /// The title of a notebook that the caller may look at now, also in the trash.
    async fn title(&mut self, app: &App, caller: &Caller, id: Option<&str>) -> Option<String> {
        let id = id?;
        if let Some(known) = self.titles.get(id) {
            return known.clone();
        }
        let (asked, never) = (Scope::Viewer, Downgrade::Never);
        let access = access::authorize_even_trashed(app.catalog(), caller, id, asked, never).await;
        let title = access.ok().and_then(|access| access.notebook.title);
        self.titles.insert(id.to_owned(), title.clone());
        title
    }
}

#[cfg(test)]
mod tests;
