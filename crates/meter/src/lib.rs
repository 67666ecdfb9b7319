//! What this machine, its graphics processors and families of processes use, read from the system.
//!
//! The agent tells the cloud ([`Machine`], [`gpus`]), `runt workstation jobs` shows what jobs use, and a runtime peer tells its
//! room what its kernel uses ([`Processes`]). In a container or a slice with limits, the limits and what is used of them count, not
//! the host's. It decides nothing and knows neither jobs nor kernels. Start reading at [`Machine`].

mod cgroup;
mod gpu;
mod hangup;
mod machine;
mod processes;
mod system_program;

pub use gpu::{gpu_memory_by_process, gpus, nvidia_smi};
pub use hangup::is_hangup_ignored;
pub use machine::{Machine, available_memory_bytes, memory_bytes};
pub use processes::{Processes, Usage};
pub use system_program::{system_path, system_program};
