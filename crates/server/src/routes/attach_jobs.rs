//! Attach requests, the agent's poll and reports (2.16 to 2.18).

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Refusal, attach, jobs};
use http::StatusCode;
use uuid::Uuid;
use wire::http::{AttachJobsResponse, AttachResponse, PatchJobResponse};

use super::table::Routes;
use super::{JsonBody, NotebookPath, json_object};
use crate::app::App;
use crate::audit::Note;
use crate::error::{self, ApiError};
use crate::identity::{Accept, Provider};
use crate::request::Facts;

/// The routes of attach jobs.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/api/n/{notebook_id}/workstation-attachments[/]", attach)
        .get("/api/workstations/{workstation_id}/attach-jobs[/]", poll)
        .patch(
            "/api/workstations/{workstation_id}/attach-jobs/{job_id}[/]",
            report,
        )
}

/// The origin of the request, which its peer is to dial.
pub(super) fn cloud_url(app: &App, facts: &Facts) -> String {
    facts
        .own
        .as_ref()
        .unwrap_or(&app.config().public)
        .to_string()
}

async fn attach(
    State(app): State<App>,
    NotebookPath(notebook_id): NotebookPath,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    attach::may_attach(app.catalog(), &caller, &notebook_id).await?;
    let body = json_object(&bytes, "workstation attachment body")?;
    let input = attach::parse(&body)?;
    let presence = app
        .event_sockets()
        .presence(&caller.principal, input.workstation_id());
    let job_id = Uuid::new_v4().to_string();
    let now = app.now_ms();
    let catalog = app.catalog();
    match attach::attach(
        catalog,
        &caller,
        &notebook_id,
        &input,
        presence,
        now,
        job_id,
    )
    .await
    {
        Ok(attached) => {
            app.carry_out(attached.effects).await;
            app.note(Note {
                actor_label: caller.actor_label,
                action: "workstation.attach",
                notebook_id: Some(notebook_id),
                subject: Some(attached.job.workstation_id.clone()),
                detail: Some(format!("job {}", attached.job.id)),
            })
            .await;
            let body = AttachResponse {
                ok: true,
                job: jobs::to_wire(&attached.job, &cloud_url(&app, &facts)),
                workstation: attached.workstation.to_wire(),
            };
            Ok(error::json(StatusCode::ACCEPTED, &body))
        }
        Err(refused) => {
            app.carry_out(refused.effects).await;
            Err(refused.refusal.into())
        }
    }
}

async fn poll(
    State(app): State<App>,
    Path(workstation_id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::MACHINES).await?;
    let caller = identity.caller();
    let (limit, after) = (facts.query("limit"), facts.query("after"));
    let page = jobs::Page {
        limit: limit.as_deref(),
        after: after.as_deref(),
    };
    let polled = jobs::poll(app.catalog(), &caller, &workstation_id, page, app.now_ms()).await?;
    app.carry_out(polled.effects).await;
    let cloud_url = cloud_url(&app, &facts);
    let body = AttachJobsResponse {
        ok: true,
        workstation: polled.workstation.to_wire(),
        jobs: polled
            .jobs
            .iter()
            .map(|job| jobs::to_wire(job, &cloud_url))
            .collect(),
        next: polled.next,
    };
    Ok(error::json(StatusCode::OK, &body))
}

async fn report(
    State(app): State<App>,
    Path((workstation_id, job_id)): Path<(String, String)>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    const SIGN_IN: &str = "sign in to update workstation jobs";
    facts.check_origin(&app)?;
    // A browser may call its own job off, and nothing else (HAZ-16).
    let identity = app.identify(&facts, Accept::ALL).await?;
    let caller = identity.caller();
    caller.manages(SIGN_IN)?;
    let parsed = json_object(&bytes, "workstation attach job body")
        .and_then(|body| Ok(jobs::parse_report(&body)?));
    let cancels = parsed.as_ref().is_ok_and(jobs::Report::is_cancellation);
    if identity.provider == Provider::AppSession && !cancels {
        return Err(ApiError::unauthorized(SIGN_IN));
    }
    let report = parsed?;
    let now = app.now_ms();
    let reported = jobs::report(
        app.catalog(),
        &caller,
        &workstation_id,
        &job_id,
        &report,
        now,
    )
    .await;
    let cloud_url = cloud_url(&app, &facts);
    match reported {
        Ok((job, effects)) => {
            app.carry_out(effects).await;
            let body = PatchJobResponse {
                ok: true,
                job: jobs::to_wire(&job, &cloud_url),
            };
            Ok(error::json(StatusCode::OK, &body))
        }
        Err(Refusal::JobOver(job)) => {
            let shown = serde_json::to_value(jobs::to_wire(&job, &cloud_url))
                .map_err(ApiError::internal)?;
            Err(ApiError::from(Refusal::JobOver(job)).with("job", shown))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
