//! A TCP relay between a machine and its cloud that can be cut and restored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    killed: AtomicUsize,
}

/// Counts a connection while it is open.
struct Open(Arc<Counts>);

impl Open {
    fn count(counts: &Arc<Counts>) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Forwards connections to one address while the link is up; dropped, it closes everything.
pub struct Relay {
    url: String,
    up: watch::Sender<bool>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port of its own; the link is up.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (up, link) = watch::channel(true);
        let counts = Arc::default();
        let task = tokio::spawn(forward(
            listener,
            target.to_owned(),
            link,
            Arc::clone(&counts),
        ));
        Ok(Self {
            url,
            up,
            counts,
            task,
        })
    }

    /// The base URL that machines are given in place of the cloud's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills all connections and accepts no more.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.up.send_replace(true);
    }

    /// Number of connections that are open now.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::Relaxed)
    }

    /// Number of established connections that were killed so far.
    pub fn killed(&self) -> usize {
        self.counts.killed.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    listener: TcpListener,
    target: String,
    mut link: watch::Receiver<bool>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut near, _)) = accepted else { continue };
                if !*link.borrow() {
                    continue;
                }
                let (target, open) = (target.clone(), Open::count(&counts));
                connections.spawn(async move {
                    let _open = open;
                    let _ = near.set_nodelay(true);
                    if let Ok(mut far) = TcpStream::connect(&target).await {
                        let _ = far.set_nodelay(true);
                        // Either side may go away at any time.
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
            changed = link.changed() => {
                if changed.is_err() {
                    return;
                }
                if !*link.borrow_and_update() {
                    while connections.try_join_next().is_some() {}
                    counts.killed.fetch_add(connections.len(), Ordering::Relaxed);
                    connections.shutdown().await;
                }
            }
        }
    }
}
