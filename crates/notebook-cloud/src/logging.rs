//! The log on standard error.

use std::io::IsTerminal as _;

use server::settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// Starts the log; `RUST_LOG` goes before the configured filter.
pub fn start(settings: &LogSettings) {
    let asked = std::env::var("RUST_LOG").ok();
    let filter = EnvFilter::new(documents::log_filter(asked.as_deref(), &settings.filter));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
