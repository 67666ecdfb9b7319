//! The routes of workstations, their credentials and their jobs.

use super::{Field, Kind, Operation, may, must, route};

const ACCELERATOR: &[Field] = &[
    must("id", Kind::Text(128)),
    must("label", Kind::Text(160)),
    may("kind", Kind::Text(80)),
    may("memory_bytes", Kind::Whole),
];
const ENVIRONMENT: &[Field] = &[
    must("id", Kind::Text(128)),
    must("label", Kind::Text(160)),
    may("detail", Kind::Text(240)),
    may("health", Kind::Text(240)),
    may("policy", Kind::Text(80)),
];
const KERNEL: &[Field] = &[
    must("name", Kind::Text(128)),
    must("display_name", Kind::Text(160)),
    must("source", Kind::Text(40)),
    may("language", Kind::Text(80)),
    may("environment", Kind::Text(160)),
    may("path", Kind::Text(512)),
    may("reason", Kind::Text(480)),
];
const WORKSTATION: &[Field] = &[
    must("workstation_id", Kind::Text(128)),
    must("display_name", Kind::Text(160)),
    may("provider", Kind::Text(80)),
    may("provider_label", Kind::Text(160)),
    may(
        "status",
        Kind::OneOf(&["online", "offline", "connecting", "attention", "unknown"]),
    ),
    may("status_message", Kind::Text(240)),
    may("default_environment_label", Kind::Text(160)),
    may("environment_policy", Kind::Text(80)),
    may("working_directory", Kind::Text(1024)),
    may("installed_build", Kind::Text(128)),
    may("channel", Kind::Text(80)),
    may("cpu_count", Kind::Whole),
    may("memory_bytes", Kind::Whole),
    may("accelerators", Kind::Objects(ACCELERATOR)),
    may("environments", Kind::Objects(ENVIRONMENT)),
    may("kernels", Kind::Objects(KERNEL)),
    may("clock_skew_ms", Kind::Whole),
    may("idle_minutes", Kind::Whole),
    may("serving", Kind::Flag),
    may("machine_id", Kind::Text(128)),
    may("hostname", Kind::Text(160)),
    may("os", Kind::Text(80)),
];

/// The routes below `/api/workstations`, and the owner's settings for machines.
pub(super) const OPERATIONS: &[Operation] = &[
    route("GET", "/api/workstations", "The caller's workstations."),
    route(
        "POST",
        "/api/workstations",
        "Registers a workstation; its heartbeat.",
    )
    .json(WORKSTATION),
    route(
        "PATCH",
        "/api/workstations/default",
        "Chooses the default workstation.",
    )
    .json(&[must("workstation_id", Kind::Text(128))]),
    route(
        "DELETE",
        "/api/workstations/default",
        "The id `default` belongs to no workstation: 404.",
    ),
    route(
        "DELETE",
        "/api/workstations/pairing-codes",
        "The id `pairing-codes` belongs to no workstation: 404.",
    ),
    route(
        "DELETE",
        "/api/workstations/credentials",
        "The id `credentials` belongs to no workstation: 404.",
    ),
    route(
        "DELETE",
        "/api/workstations/{workstation_id}",
        "Removes a workstation.",
    ),
    route(
        "POST",
        "/api/workstations/pairing-codes",
        "Makes a pairing code; it is shown once.",
    )
    .json(&[may("machine_name", Kind::Text(160))]),
    route(
        "GET",
        "/api/workstations/pairing-codes/redeem",
        "A pairing of the name `redeem`.",
    ),
    route(
        "POST",
        "/api/workstations/pairing-codes/redeem",
        "Exchanges a code for a workstation credential.",
    )
    .json(&[
        must("code", Kind::Text(64)),
        may("machine_name", Kind::Text(160)),
    ]),
    route(
        "GET",
        "/api/workstations/pairing-codes/{pairing_id}",
        "Whether a code was used.",
    ),
    route(
        "GET",
        "/api/workstations/credentials",
        "The caller's workstation credentials.",
    ),
    route(
        "PATCH",
        "/api/workstations/credentials/{credential_id}",
        "Lets a credential serve several workstations, or only its first.",
    )
    .json(&[must("may_serve_several", Kind::Flag)]),
    route(
        "POST",
        "/api/workstations/credentials/{credential_id}/revoke",
        "Revokes a credential.",
    ),
    route(
        "POST",
        "/api/workstations/credentials/{credential_id}/rotate",
        "Gives a credential another token.",
    ),
    route(
        "GET",
        "/api/workstations/{workstation_id}/events",
        "The workstation's WebSocket.",
    ),
    route(
        "GET",
        "/api/workstations/{workstation_id}/attach-jobs",
        "The jobs a workstation is to take.",
    )
    .query(&["limit", "after"]),
    route(
        "PATCH",
        "/api/workstations/{workstation_id}/attach-jobs/{job_id}",
        "Reports how a job goes.",
    )
    .json(&[
        must(
            "status",
            Kind::OneOf(&["accepted", "running", "failed", "completed", "cancelled"]),
        ),
        may("error_message", Kind::Text(1024)),
    ]),
    route(
        "POST",
        "/api/workstations/{workstation_id}/attach-jobs/{job_id}/room-token",
        "Exchanges an accepted job for a short token of its room.",
    ),
    route(
        "GET",
        "/api/workstations/{workstation_id}/history",
        "What happened to a workstation.",
    )
    .query(&["limit", "before"]),
    route(
        "GET",
        "/api/workstations/{workstation_id}/attach-jobs/{job_id}/history",
        "What happened to a job.",
    )
    .query(&["limit", "before"]),
    route(
        "GET",
        "/api/workstation-settings",
        "What the caller sets for all of their machines.",
    ),
    route(
        "PATCH",
        "/api/workstation-settings",
        "Changes what the caller sets for all of their machines.",
    )
    .json(&[
        may("room_tokens_only", Kind::Flag),
        may("room_token_s", Kind::Whole),
        may("credential_days", Kind::Whole),
    ]),
];
