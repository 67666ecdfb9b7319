//! The room host as a sans-I/O state machine: admission, fencing, sync, execution intent, presence.
