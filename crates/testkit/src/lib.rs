//! Fake clock, in-memory network, simulator and real-process helpers for tests.

pub mod python;
pub mod simulator;
