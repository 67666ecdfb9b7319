//! The keeper's socket: one controller at a time, the newest.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::protocol::{Command, FromKeeper, Request, read_frame, write_frame};
use crate::socket_path;

const SOCKET_NAME: &str = "keeper.sock";
/// Requests and answers that may wait.
const QUEUE: usize = 256;
/// How long the last answer may take to be written.
const FAREWELL_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// A request with its binary buffers.
pub(super) struct Numbered {
    pub id: u64,
    pub command: Command,
    pub buffers: Vec<Bytes>,
}

/// A request and the way back.
pub(super) struct Incoming {
    pub request: Numbered,
    pub reply: mpsc::Sender<FromKeeper>,
}

struct Controller {
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    /// Taken when the controller is replaced: the writer says so and ends by itself.
    out: mpsc::Sender<FromKeeper>,
}

/// Accepts controllers and hands their requests to the keeper's loop.
pub(super) struct Server {
    listener: UnixListener,
    path: PathBuf,
    journal_end: watch::Receiver<u64>,
    controller: Option<Controller>,
    requests: mpsc::Receiver<Incoming>,
    requests_in: mpsc::Sender<Incoming>,
}

impl Server {
    /// Listens in the job's folder (mode 0600).
    pub(super) fn bind(job_dir: &Path, journal_end: watch::Receiver<u64>) -> std::io::Result<Self> {
        let (listener, path) = listen(job_dir)?;
        let (requests_in, requests) = mpsc::channel(QUEUE);
        Ok(Self {
            listener,
            path,
            journal_end,
            controller: None,
            requests,
            requests_in,
        })
    }

    /// Listens in another job's folder instead; who is connected stays so.
    pub(super) fn move_to(&mut self, job_dir: &Path) -> std::io::Result<()> {
        let (listener, path) = listen(job_dir)?;
        // Absent already is as good.
        let _ = std::fs::remove_file(&self.path);
        self.listener = listener;
        self.path = path;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn has_controller(&self) -> bool {
        self.controller
            .as_ref()
            .is_some_and(|controller| !controller.reader.is_finished())
    }

    /// The next request of the current controller. Cancel-safe.
    pub(super) async fn next(&mut self) -> Incoming {
        loop {
            tokio::select! {
                Some(incoming) = self.requests.recv() => {
                    // What a replaced controller had still queued is not obeyed.
                    if self.controller.as_ref().is_some_and(|c| c.out.same_channel(&incoming.reply)) {
                        return incoming;
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.take(stream),
                    Err(error) => {
                        tracing::warn!(%error, "a controller could not connect");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }

    fn take(&mut self, stream: UnixStream) {
        self.drop_controller();
        let (from, to) = stream.into_split();
        let (out, answers) = mpsc::channel(QUEUE);
        let mut journal_end = self.journal_end.clone();
        // A new controller hears at once how far the journal reaches.
        journal_end.mark_changed();
        let writer = tokio::spawn(write(to, answers, journal_end));
        let reading = read(from, self.requests_in.clone(), out.clone());
        let hang_up = writer.abort_handle();
        let reader = tokio::spawn(async move {
            if let Err(error) = reading.await {
                tracing::warn!(%error, "a request of the controller cannot be read");
                // It dials anew, instead of waiting for answers.
                hang_up.abort();
            }
        });
        self.controller = Some(Controller {
            reader,
            writer,
            out,
        });
    }

    fn drop_controller(&mut self) {
        if let Some(old) = self.controller.take() {
            old.reader.abort();
            // It must learn it, lest it take the keeper back: behind what it has not read yet, while its socket lives.
            tokio::spawn(async move { old.out.send(FromKeeper::Replaced).await });
        }
    }

    /// Stops listening; the controller gets what it was answered.
    pub(super) async fn close(&mut self) {
        // Absent already is as good.
        let _ = std::fs::remove_file(&self.path);
        if let Some(Controller {
            reader,
            writer,
            out,
        }) = self.controller.take()
        {
            drop(out);
            reader.abort();
            self.requests.close();
            while self.requests.try_recv().is_ok() {}
            // A controller that does not read is not waited for.
            let _ = tokio::time::timeout(FAREWELL_WAIT, writer).await;
        }
    }
}

fn listen(job_dir: &Path) -> std::io::Result<(UnixListener, PathBuf)> {
    let path = socket_path::of_keeper(job_dir, SOCKET_NAME)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = socket_path::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, path))
}

/// Reads requests until the controller leaves.
async fn read(
    mut from: OwnedReadHalf,
    requests: mpsc::Sender<Incoming>,
    reply: mpsc::Sender<FromKeeper>,
) -> std::io::Result<()> {
    loop {
        let Some(mut parts) = read_frame(&mut from).await? else {
            return Ok(());
        };
        let buffers = parts.split_off(1);
        let Request { id, command } = wire::json::from_slice(&parts[0])?;
        let request = Numbered {
            id,
            command,
            buffers,
        };
        if requests
            .send(Incoming {
                request,
                reply: reply.clone(),
            })
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

/// Answers in order, and says when the journal has grown; ends when nobody can answer any more.
async fn write(
    mut to: OwnedWriteHalf,
    mut answers: mpsc::Receiver<FromKeeper>,
    mut journal_end: watch::Receiver<u64>,
) {
    loop {
        let message = tokio::select! {
            biased;
            answer = answers.recv() => match answer {
                Some(answer) => answer,
                None => return,
            },
            Ok(()) = journal_end.changed() => {
                FromKeeper::Grown { end: *journal_end.borrow_and_update() }
            }
        };
        let last = matches!(message, FromKeeper::Replaced);
        if write_frame(&mut to, &message, &[]).await.is_err() || last {
            return;
        }
    }
}
