//! The signals that ask the agent to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, the service manager's word, and a terminal or an SSH session that is gone.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// None once something asked: a shell and the system both tell of a session's end, and a second word is no wish to
    /// leave everything at once.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Listens from now on; not for a hangup where it is ignored, as under `nohup`.
    pub fn listen() -> io::Result<Self> {
        let hangup = if meter::is_hangup_ignored() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next one. May be dropped and called again.
    pub async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = next(&mut self.hangup) => tracing::warn!(
                "[workstation-agent] stopping: the terminal or session that it was started in is gone (SIGHUP)"
            ),
        }
        self.hangup = None;
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
