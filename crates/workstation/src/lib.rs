//! The edges of the workstation: files, locks, processes and machine facts around `agent-core`, and the parts that the
//! `runt workstation` commands are made of.
//!
//! It decides nothing about jobs (that is `agent-core`) and says nothing to kernels: it finds their Python, and starts and
//! ends the keepers that own them as processes of `runtimed`. Start reading at [`run_agent`] for the daemon and
//! [`StoredCredential`] for the command line.

mod accelerators;
mod agent_error;
mod agent_loop;
mod binary;
mod control;
mod control_desk;
mod credential;
mod doctor;
mod drain_mark;
mod env;
mod facts;
mod first_process;
mod fit;
mod folders;
mod housekeeping;
mod identity;
mod interpreter;
mod job_folder;
mod kernels;
mod limits;
mod link;
mod live;
mod local_jobs;
mod lock;
mod machine;
mod own_credential;
mod peers;
mod process;
mod protection;
mod reports;
mod scopes;
mod script_connector;
mod service;
mod serving_args;
mod settings_file;
mod socket_path;
mod stop_signals;
mod storage;
mod token_desk;
mod upgrade;
mod warm_pool;

pub use accelerators::{Accelerator, detect_accelerators};
pub use agent_core::{AgentStatus, JobLine, Order};
pub use agent_error::AgentError;
pub use agent_loop::{AgentOptions, run_agent};
pub use binary::{RuntimedMissing, find_runtimed};
pub use control::{ControlError, RunningAgent, tell_agent};
pub use credential::{CredentialError, ResolvedCredential, StoredCredential, resolve_credential};
pub use doctor::{Finding, Level, Patient, examine};
pub use env::{Env, INSECURE_HTTP_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE};
pub use facts::{MachineFacts, installed_build, minimal_registration, registration, with_drain};
pub use fit::{Fit, cloud_too_old};
pub use folders::{Folders, FoldersError};
pub use housekeeping::{KEEP_BYTES, KEEP_DAYS, Keep};
pub use identity::{
    IdentityError, check_display_name, check_workstation_id, default_workstation_id, hostname,
};
pub use interpreter::{IpykernelProbe, absolute_interpreter, find_interpreter, probe_ipykernel};
pub use kernels::KernelFinder;
pub use limits::{CpuLimit, HeldLimit, JobLimits, LimitsInForce, MOST_NICE, MemoryLimit, Reach};
pub use live::{CLOCK_HINT, CLOCK_SKEW_LIMIT, clock_words};
pub use local_jobs::{JobPlace, LocalJob, end_unattended, job_places, living_jobs, local_jobs};
pub use lock::{AgentLock, LockError};
pub use machine::{MachineName, mark_per_account, pairs_per_account, with_machine};
pub use protection::{Protection, probe_protection};
pub use script_connector::script_connector_note;
pub use service::{
    LAUNCHD_LABEL, ServiceSpec, UNIT, UnfitPath, UnitScope, carried_variables, launchd_agent,
    systemd_unit,
};
pub use serving_args::ServingArgs;
pub use settings_file::{IDLE_MINUTES, SETTINGS, SettingsError, SettingsFile, WorkstationSettings};
pub use upgrade::{Installation, Offer, Standing, UpgradeError};
pub use warm_pool::MOST_WARM_KERNELS;
