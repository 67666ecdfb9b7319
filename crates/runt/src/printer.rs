//! The one place that writes: results and hints to stdout, talk to stderr.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::table;

/// An error that is told in its own words, without the prefix.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Plain(pub String);

/// Writes for people and for scripts; colours only where they are understood and wanted (`NO_COLOR`).
pub struct Printer {
    no_input: bool,
}

impl Printer {
    /// `no_input` forbids questions.
    pub fn new(no_input: bool) -> Self {
        Self { no_input }
    }

    /// Whether somebody can be asked: a terminal, and questions are not forbidden.
    pub fn may_ask(&self) -> bool {
        !self.no_input && std::io::stdin().is_terminal()
    }

    /// Whether questions are forbidden.
    pub fn no_input(&self) -> bool {
        self.no_input
    }

    /// Data for programs on stdout.
    pub fn json<T: serde::Serialize>(&self, value: &T) -> anyhow::Result<()> {
        self.line(&serde_json::to_string_pretty(value)?);
        Ok(())
    }

    /// A table on stdout.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) {
        for line in table::lines(header, rows) {
            self.line(&line);
        }
    }

    /// Talk on stderr.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn note(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// A result line on stdout.
    #[expect(clippy::unused_self, reason = "writing goes through a printer")]
    pub fn line(&self, text: &str) {
        // A closed pipe is the reader's choice, not our error.
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// A word that catches the eye, in front of a result.
    pub fn marked(&self, mark: &str, color: AnsiColor, text: &str) {
        let style = Style::new().fg_color(Some(color.into())).bold();
        self.line(&format!("{style}{mark}{style:#}{text}"));
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
