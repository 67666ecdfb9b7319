//! The log on standard error.

use std::io::IsTerminal as _;

use server::settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// Starts the log; `RUST_LOG` goes before the configured filter. Automerge's spans are left out whatever it says: those
/// of level info write out the history of the document they work on, so each change would cost what all changes before
/// it cost together.
pub fn start(settings: &LogSettings) {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let asked = if asked.trim().is_empty() {
        &settings.filter
    } else {
        &asked
    };
    let filter = EnvFilter::new(format!("{asked},automerge=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
