//! The runtime session as a sans-I/O state machine: queue, output commit, lifecycle.
