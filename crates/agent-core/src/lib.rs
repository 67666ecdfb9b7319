//! The workstation agent as a sans-I/O state machine: jobs, cooldowns, adoption.
