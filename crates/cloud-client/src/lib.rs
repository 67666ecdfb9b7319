//! Typed HTTP client and room dial for the cloud; used by runt, runtimed and tests.
