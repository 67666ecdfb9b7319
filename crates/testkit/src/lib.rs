//! Simulator of one notebook, with a fake clock and an in-memory network, and the Python of tests with a real kernel.

pub mod python;
pub mod simulator;
