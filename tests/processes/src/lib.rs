//! The real programs for process-level tests and benchmarks: a cloud, workstations paired with it, and a client of
//! its rooms. Everything started here is stopped when its handle is dropped. Never mocks anything.
//!
//! Start reading at [`Cloud::start`].

mod account;
mod attached;
mod cloud;
mod host;
mod namespaces;
mod offer;
mod programs;
mod reading;
mod relay;
mod room;
mod user_manager;
mod wait;
mod workstation;

pub use attached::Attached;
pub use cloud::{Cloud, USER, http_client};
pub use host::describe_host;
pub use namespaces::Namespaces;
pub use offer::{offer_other_build, offer_programs, offer_scripts};
pub use programs::program;
pub use relay::{Manner, Relay};
pub use room::{Execution, Output, Room, resolve};
pub use testkit::python::test_python;
pub use user_manager::UserManager;
pub use wait::until;
pub use workstation::Workstation;
