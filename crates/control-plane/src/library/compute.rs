//! The compute of a listed notebook, as its owners see it (3.2).

use store::ListedCompute;
use wire::UnixMs;
use wire::http::ComputeSession;
use wire::http::JobStatus;

use crate::jobs::UNNAMED_ENVIRONMENT;

/// What the list says of a notebook's latest job; `runtime_peers` are the open sockets of its
/// runtime peer. An error outranks a socket that is still open.
pub fn session(compute: ListedCompute, runtime_peers: u64) -> ComputeSession {
    let job = compute.job;
    let unnamed = compute.display_name.as_ref().map(|_| UNNAMED_ENVIRONMENT);
    let environment_label = compute
        .environment_label
        .or_else(|| unnamed.map(str::to_owned));
    let status = match job.status {
        JobStatus::Failed => "error",
        _ if runtime_peers > 0 => "active",
        JobStatus::Pending | JobStatus::Accepted => "starting",
        _ => "stale",
    };
    ComputeSession {
        notebook_id: job.notebook_id,
        owner_principal: job.owner_principal,
        status: status.to_owned(),
        status_message: job.error_message,
        workstation_display_name: compute.display_name,
        workstation_id: Some(job.workstation_id),
        environment_label,
        working_directory: compute.working_directory,
        runtime_session_id: Some(job.id),
        runtime_peer_count: runtime_peers,
        queue_depth: 0,
        last_runtime_seen_at: compute.last_seen_ms.map(|at| UnixMs(at).to_iso()),
        updated_at: UnixMs(job.updated_ms).to_iso(),
    }
}
