//! The edges of the workstation agent and command line: files, locks, spawn, machine facts.
