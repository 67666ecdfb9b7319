//! The signals that ask a run for its end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM, and SIGHUP, which comes when the terminal goes away.
pub(super) struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` when it means nothing.
    hangup: Option<Signal>,
}

impl EndSignals {
    pub(super) fn listen() -> io::Result<Self> {
        // `nohup` starts programs so that they outlive the terminal; to listen would undo that.
        let hangup = (!meter::is_hangup_ignored()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = heard(&mut self.hangup) => {
                // A shell and the system both send one; the second is no second wish.
                self.hangup = None;
            }
        }
    }
}

async fn heard(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}
