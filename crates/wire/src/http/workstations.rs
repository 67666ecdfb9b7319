//! Workstations: registration and list (control plane 2.10 to 2.15).

use serde::{Deserialize, Serialize};

use crate::{UnixMs, WorkstationId};

/// One kind of accelerator of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerator {
    /// Lower case, such as `gpu`.
    pub kind: String,
    #[serde(default)]
    pub vendor: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    /// 1 to 1024.
    pub count: u64,
    #[serde(default)]
    pub memory_bytes_per_device: Option<u64>,
    /// `ready`, `not_ready` or `unknown`.
    pub readiness: String,
    #[serde(default)]
    pub diagnostic: Option<String>,
}

/// One Python environment of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentInfo {
    pub id: String,
    pub label: String,
    #[serde(default)]
    pub policy: Option<String>,
    /// False only if literally false.
    #[serde(default = "yes")]
    pub available: bool,
    #[serde(default)]
    pub is_default: bool,
    #[serde(default)]
    pub detail: Option<String>,
    #[serde(default)]
    pub health: Option<String>,
}

const fn yes() -> bool {
    true
}

/// A kernel that a machine can start; additive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKernel {
    /// What a notebook's metadata names to get it.
    pub name: String,
    pub display_name: String,
    /// Lower case; empty when unknown.
    #[serde(default)]
    pub language: String,
    /// `kernelspec`, `system`, `venv`, `uv`, `conda`, `pixi` or `pyenv`.
    pub source: String,
    /// The environment or installed kernel, in a few words.
    #[serde(default)]
    pub environment: Option<String>,
    /// What it starts, or where it is.
    #[serde(default)]
    pub path: Option<String>,
    /// False only if literally false.
    #[serde(default = "yes")]
    pub available: bool,
    /// Why it cannot be started, with what to do.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether a notebook that names no kernel gets it.
    #[serde(default)]
    pub is_default: bool,
}

/// What a machine is doing now; additive. What cannot be measured there is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Utilisation {
    /// Of all the processors it may use, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Of `memory_bytes`, what cannot be given to a new process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_available_bytes: Option<u64>,
    /// Processes that ran or waited to, on average over the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_1m: Option<f64>,
    /// Where the agent keeps its state and journals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuUse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobUse>,
}

/// What one GPU is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuUse {
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
}

/// What one attach job uses: its runtime peer, its kernel and everything these started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobUse {
    pub job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notebook_id: Option<String>,
    /// Of one processor; several busy ones make more than 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    pub memory_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
}

/// The workstation object, the same everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workstation {
    pub workstation_id: WorkstationId,
    pub display_name: String,
    pub provider: String,
    #[serde(default)]
    pub provider_label: Option<String>,
    /// `online`, `offline`, `connecting`, `attention` or `unknown`.
    pub status: String,
    #[serde(default)]
    pub status_message: Option<String>,
    #[serde(default)]
    pub default_environment_label: Option<String>,
    #[serde(default)]
    pub environment_policy: Option<String>,
    #[serde(default)]
    pub installed_build: Option<String>,
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub latest_build: Option<String>,
    #[serde(default)]
    pub is_outdated: bool,
    #[serde(default)]
    pub working_directory: Option<String>,
    #[serde(default)]
    pub cpu_count: Option<u64>,
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<Vec<Accelerator>>,
    #[serde(default)]
    pub environments: Vec<EnvironmentInfo>,
    pub created_at: UnixMs,
    pub updated_at: UnixMs,
    #[serde(default)]
    pub last_seen_at: Option<UnixMs>,
    #[serde(default)]
    pub is_default: bool,
    /// Why it is online or offline, in one word such as `lease_expired`; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Since when it is; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_since: Option<UnixMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The network address it last registered from; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kernels that notebooks can choose here; additive, absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<Vec<OfferedKernel>>,
    /// At its latest heartbeat, while it is online; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<Utilisation>,
    /// How far its clock is ahead of the server's; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<i64>,
    /// Minutes after which unused compute stops there, 0 is never; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_minutes: Option<u64>,
}

/// Newest builds by channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestBuilds {
    #[serde(default)]
    pub stable: Option<String>,
    #[serde(default)]
    pub nightly: Option<String>,
}

/// `POST /api/workstations` answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterResponse {
    pub ok: bool,
    #[serde(default)]
    pub latest_builds: LatestBuilds,
    /// The oldest build of `runt` that this cloud serves without loss; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_build: Option<String>,
    pub workstation: Workstation,
    /// Accepted jobs can be exchanged for room tokens; additive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub room_tokens: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<super::CredentialNotice>,
}

/// `GET /api/workstations` answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkstationsResponse {
    pub ok: bool,
    pub default_workstation_id: Option<WorkstationId>,
    #[serde(default)]
    pub latest_builds: LatestBuilds,
    /// The oldest build of `runt` that this cloud serves without loss; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_build: Option<String>,
    pub workstations: Vec<Workstation>,
}
