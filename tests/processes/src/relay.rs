//! A TCP relay between a machine and its cloud that can be cut and restored, that can be slow, lossy and impatient, and
//! that counts what goes through it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that are read at once, and pieces that may be on their way.
const PIECE: usize = 16 * 1024;
const ON_THE_WAY: usize = 256;
/// What a lost segment costs beside the way there and back: the sender waits before it repeats it.
const REPETITION: Duration = Duration::from_millis(200);

/// How a relay treats what goes through it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// How long each piece is on its way.
    pub delay: Duration,
    /// How many pieces in a hundred are lost. The relay forwards streams, so it does what TCP makes of a lost segment:
    /// everything waits until it was repeated.
    pub lost_in_hundred: u64,
    /// After so much silence in both directions a connection is closed, as proxies do.
    pub idle: Option<Duration>,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    killed: AtomicUsize,
    /// Upgraded connections that are open, and those that were closed for their silence.
    sockets: AtomicUsize,
    impatient: AtomicUsize,
    /// When somebody dialled, and when a request went through.
    dials: Mutex<Vec<Instant>>,
    requests: Mutex<Vec<Instant>>,
}

impl Counts {
    fn note(times: &Mutex<Vec<Instant>>) {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(Instant::now());
    }
}

/// Counts a connection while it is open.
struct Open {
    counts: Arc<Counts>,
    is_socket: bool,
}

impl Open {
    fn count(counts: &Arc<Counts>) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        Self {
            counts: Arc::clone(counts),
            is_socket: false,
        }
    }

    /// Looks at what goes to the cloud for the beginning of a request.
    fn look(&mut self, piece: &[u8]) {
        let methods: [&[u8]; 5] = [b"GET /", b"POST /", b"PATCH /", b"PUT /", b"DELETE /"];
        if self.is_socket || !methods.iter().any(|method| piece.starts_with(method)) {
            return;
        }
        Counts::note(&self.counts.requests);
        let head = String::from_utf8_lossy(piece).to_ascii_lowercase();
        if head.contains("upgrade: websocket") {
            self.is_socket = true;
            self.counts.sockets.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
        if self.is_socket {
            self.counts.sockets.fetch_sub(1, Ordering::Relaxed);
        }
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
    /// Listens on a free port of this machine's own; the link is up.
    pub async fn start(target: &str) -> Result<Self> {
        Self::start_at(IpAddr::from([127, 0, 0, 1]), target, Manner::default()).await
    }

    /// The same at an address, in a manner.
    pub async fn start_at(address: IpAddr, target: &str, manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (up, link) = watch::channel(true);
        let counts = Arc::default();
        let target = target.to_owned();
        let task = tokio::spawn(forward(listener, target, manner, link, Arc::clone(&counts)));
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

    /// Number of WebSockets that are open now.
    pub fn sockets(&self) -> usize {
        self.counts.sockets.load(Ordering::Relaxed)
    }

    /// Number of WebSockets that were closed for their silence so far.
    pub fn silent_sockets(&self) -> usize {
        self.counts.impatient.load(Ordering::Relaxed)
    }

    /// The most dials, and the most requests, in any second since then.
    pub fn most_in_a_second(&self, since: Instant) -> (usize, usize) {
        let most = |times: &Mutex<Vec<Instant>>| {
            let times = times.lock().unwrap_or_else(PoisonError::into_inner);
            let late: Vec<Instant> = times.iter().copied().filter(|at| *at >= since).collect();
            let within = |(first, from): (usize, &Instant)| {
                let later = late[first..].iter();
                later
                    .take_while(|at| **at - *from < Duration::from_secs(1))
                    .count()
            };
            late.iter().enumerate().map(within).max().unwrap_or(0)
        };
        (most(&self.counts.dials), most(&self.counts.requests))
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
    manner: Manner,
    mut link: watch::Receiver<bool>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    let mut seed = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { continue };
                Counts::note(&counts.dials);
                if !*link.borrow() {
                    continue;
                }
                seed += 1;
                let (target, open) = (target.clone(), Open::count(&counts));
                connections.spawn(async move {
                    if let Ok(far) = TcpStream::connect(&target).await {
                        carry(near, far, manner, seed, open).await;
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

/// Carries both directions until one side ends, or both are silent for too long.
async fn carry(near: TcpStream, far: TcpStream, manner: Manner, seed: u64, mut open: Open) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let heard = watch::Sender::new(Instant::now());
    let silence = async {
        let Some(idle) = manner.idle else {
            return std::future::pending().await;
        };
        loop {
            let until = *heard.borrow() + idle;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    };
    let up = pump(near_in, far_out, manner, seed, |piece| {
        heard.send_replace(Instant::now());
        open.look(piece);
    });
    let down = pump(far_in, near_out, manner, seed + 1_000_000, |_| {
        heard.send_replace(Instant::now());
    });
    let went_silent = tokio::select! {
        // A side that has said everything may still be answered.
        ((), ()) = async { tokio::join!(up, down) } => false,
        () = silence => true,
    };
    if went_silent && open.is_socket {
        open.counts.impatient.fetch_add(1, Ordering::Relaxed);
    }
}

/// Carries one direction to its end, piece by piece and in order.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    manner: Manner,
    mut state: u64,
    mut look: impl FnMut(&[u8]),
) {
    let (pieces, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async move {
        let mut buffer = vec![0; PIECE];
        let mut arrival = Instant::now();
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            look(&buffer[..count]);
            let mut way = manner.delay;
            // Knuth's linear congruential generator.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            if (state >> 33) % 100 < manner.lost_in_hundred {
                way += REPETITION + 2 * manner.delay;
            }
            arrival = arrival.max(Instant::now() + way);
            if pieces
                .send((arrival, buffer[..count].to_vec()))
                .await
                .is_err()
            {
                return;
            }
        }
    };
    let write = async move {
        while let Some((arrival, piece)) = on_the_way.recv().await {
            if arrival > Instant::now() {
                sleep(arrival - Instant::now()).await;
            }
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
