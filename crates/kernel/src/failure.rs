//! Why a kernel could not be started: a class for programs, words for people (WS 4.8).

use serde::{Deserialize, Serialize};

use crate::protocol::ExitCause;

/// Longest text of one failure that is passed on (WS 4.8: 2 KiB).
const MAX_DETAILS_BYTES: usize = 2048;

/// The class of a launch failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The interpreter has no `ipykernel`.
    MissingIpykernel,
    /// Sockets raced or broke.
    RetryableStartupTransport,
    /// An address was in use.
    PortBind,
    /// The kernel's process ended during startup.
    ProcessExited,
    /// No answer in time.
    StartupTimeout,
    /// A program or folder that is needed does not exist.
    ToolBootstrap,
    /// The description of the kernel makes no sense.
    Misconfiguration,
    /// This kind of kernel is not supported.
    Unsupported,
    /// Anything else.
    Other,
}

impl FailureClass {
    /// The class as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingIpykernel => "missing_ipykernel",
            Self::RetryableStartupTransport => "retryable_startup_transport",
            Self::PortBind => "port_bind",
            Self::ProcessExited => "process_exited",
            Self::StartupTimeout => "startup_timeout",
            Self::ToolBootstrap => "tool_bootstrap",
            Self::Misconfiguration => "misconfiguration",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }
}

/// A launch that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct LaunchFailure {
    /// Its class.
    pub class: FailureClass,
    /// What happened and why.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The program that was to run.
    #[serde(default)]
    pub command: String,
    /// How the process ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitCause>,
    /// The last lines of its stderr.
    #[serde(default)]
    pub stderr_tail: Vec<String>,
}

impl LaunchFailure {
    /// A failure with a class and a message.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            hint: None,
            command: String::new(),
            exit: None,
            stderr_tail: Vec::new(),
        }
    }

    /// The interpreter lacks `ipykernel`.
    pub fn missing_ipykernel(python: &str) -> Self {
        let mut failure = Self::new(
            FailureClass::MissingIpykernel,
            format!("`{python}` cannot run notebooks: it has no `ipykernel`"),
        );
        failure.hint = Some(format!("{python} -m pip install ipykernel"));
        failure
    }

    /// What a person reads in the notebook: message, hint, then the end of stderr; at most 2 KiB.
    pub fn details(&self) -> String {
        let mut text = self.message.clone();
        if let Some(hint) = &self.hint {
            text.push_str("\nHint: ");
            text.push_str(hint);
        }
        let mut tail = Vec::new();
        let mut room = MAX_DETAILS_BYTES.saturating_sub(text.len());
        for line in self.stderr_tail.iter().rev() {
            if line.len() + 1 > room {
                break;
            }
            room -= line.len() + 1;
            tail.push(line.as_str());
        }
        for line in tail.into_iter().rev() {
            text.push('\n');
            text.push_str(line);
        }
        let mut end = text.len().min(MAX_DETAILS_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }
}
