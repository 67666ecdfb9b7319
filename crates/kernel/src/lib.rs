//! Jupyter kernels: discovery, launch, channels, the kernel keeper and its journal.
//!
//! A kernel belongs to a *keeper*: a small process in a session of its own that drains every
//! channel and appends every message to a journal in the job's folder. Whoever drives the kernel
//! (the runtime peer) reads the journal and speaks to the keeper over a Unix socket, and may die
//! and come back without the kernel noticing.
//!
//! This crate never knows rooms, documents or credentials. Start reading at [`keeper`] for the
//! process, at [`client`] for its driver, at [`journal`] for what they share.

mod channels;
pub mod client;
pub mod confinement;
mod endpoint;
pub mod environment;
pub mod failure;
mod family;
pub mod interpreter;
pub mod journal;
pub mod keeper;
pub mod kernelspec;
mod launch;
mod memory;
pub mod notebook_environment;
pub mod offers;
mod places;
pub mod process;
pub mod protocol;
pub mod python_environment;
pub mod socket_path;
mod spec;
mod stderr_log;
pub mod warm;

pub use failure::{FailureClass, LaunchFailure};
pub use spec::{InterruptMode, LaunchSpec};
