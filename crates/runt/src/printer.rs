//! The one place that writes: results and hints to stdout, talk to stderr.

use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

/// An error that is told in its own words, without the prefix.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Plain(pub String);

/// Writes for people and for scripts; colours only where they are understood.
pub struct Printer;

impl Printer {
    pub fn new() -> Self {
        Self
    }

    /// A result line on stdout.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn line(&self, text: &str) {
        // A closed pipe is the reader's choice, not our error.
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// A warning on stderr.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn warn(&self, text: &str) {
        let style = Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
        let _ = writeln!(anstream::stderr(), "{style}Warning:{style:#} {text}");
    }

    /// A question on stderr, without a line end.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn ask(&self, text: &str) {
        let mut stderr = anstream::stderr();
        let _ = write!(stderr, "{text} ").and_then(|()| stderr.flush());
    }

    /// Tells an error with its causes and gives the exit code.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn fail(&self, error: &anyhow::Error) -> ExitCode {
        let mut stderr = anstream::stderr();
        if let Some(plain) = error.downcast_ref::<Plain>() {
            let _ = writeln!(stderr, "{plain}");
        } else {
            let style = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            let _ = writeln!(stderr, "{style}Error:{style:#} {error:#}");
        }
        ExitCode::FAILURE
    }
}
