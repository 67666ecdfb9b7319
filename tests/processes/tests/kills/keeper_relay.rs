//! A relay between a runtime peer and its kernel keeper whose connection can be cut.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use processes::{test_python, until};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::scene::{LIMIT, Scene, signal};

/// One connection at a time, as the keeper has it; dropped, nothing gets through any more.
pub struct KeeperRelay {
    _folder: tempfile::TempDir,
    opened: watch::Receiver<usize>,
    cut: Arc<Notify>,
    task: JoinHandle<()>,
}

impl KeeperRelay {
    /// Kills the scene's agent and peer, and lets the next ones find the keeper behind a relay.
    pub async fn adopting(scene: &mut Scene) -> Result<Self> {
        scene.workstation.kill_agent().await?;
        signal(scene.process("cloud-runtime-agent")?, Signal::SIGKILL)?;
        let path = scene.workstation.job_folder(&scene.job).join("keeper.json");
        let mut record: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let target = record["socket"].as_str().context("no socket")?.into();
        // Paths of sockets are short.
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("relay.sock");
        let listener = UnixListener::bind(&socket)?;
        record["socket"] = socket.display().to_string().into();
        std::fs::write(&path, serde_json::to_vec(&record)?)?;
        let (open, opened) = watch::channel(0);
        let cut = Arc::new(Notify::new());
        let task = tokio::spawn(forward(listener, target, open, Arc::clone(&cut)));
        let mut relay = Self {
            _folder: folder,
            opened,
            cut,
            task,
        };
        scene.workstation.start(&test_python())?;
        let opened = relay.opened.wait_for(|opened| *opened > 0);
        tokio::time::timeout(LIMIT, opened)
            .await
            .with_context(|| scene.workstation.log())??;
        Ok(relay)
    }

    /// Breaks the connection and waits until the peer has made another.
    pub async fn cut(&self) -> Result<()> {
        let before = *self.opened.borrow();
        self.cut.notify_one();
        until("the peer to dial the keeper again", LIMIT, async || {
            Ok((*self.opened.borrow() > before).then_some(()))
        })
        .await
    }
}

impl Drop for KeeperRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    listener: UnixListener,
    target: PathBuf,
    open: watch::Sender<usize>,
    cut: Arc<Notify>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        let Ok(mut far) = UnixStream::connect(&target).await else {
            continue;
        };
        open.send_modify(|opened| *opened += 1);
        tokio::select! {
            // Either side may go away at any time.
            _ = copy_bidirectional(&mut near, &mut far) => {}
            () = cut.notified() => {}
        }
    }
}
