//! Bytes and JSON shapes of the protocol: typed frames, control messages, HTTP shapes, ids. No I/O, no clock.
