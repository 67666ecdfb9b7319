//! The peer's one loop: events in, session, effects out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cloud_client::CloudClient;
use kernel::LaunchSpec;
use kernel::client::KeeperClient;
use kernel::journal::{FILE_NAME, JournalError, Record, START};
use kernel::keeper::{end_leftover_kernel, last_generation};
use kernel::protocol::KernelState;
use session_core::{Effect, Event, Handover, LaunchMode, Session, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use wire::presence::KernelUse;
use wire::{FrameType, PEER_READY_MARKER};

use crate::blob_reader::BlobReader;
use crate::blobs::{UploadResult, Uploader};
use crate::clock::{now, until, wait_until};
use crate::config::{PeerAuth, PeerConfig};
use crate::conflicts::Conflicts;
use crate::dials::Dials;
use crate::end::End;
use crate::journal_feed::JournalFeed;
use crate::keeper_control::{KeeperControl, KeeperOrder, KeeperReport};
use crate::kernel_watch::KernelWatch;
use crate::launcher::{Launcher, Step};
use crate::link::{LinkEvent, RoomLink};
use crate::position::Position;
use crate::tokens::Tokens;
use crate::translate::{self, News};

/// How long the session may take to say its last words after a signal.
const STOP_LIMIT: Duration = Duration::from_secs(5);

struct Peer {
    session: Session,
    tokens: Tokens,
    link: RoomLink,
    connection: u64,
    announced: bool,
    keeper: KeeperControl,
    watch: KernelWatch,
    feed: JournalFeed,
    grown: Arc<Notify>,
    job_dir: PathBuf,
    /// Kernels before this one are history.
    news: News,
    /// Said once everything in the journal has been handed over.
    death: Option<String>,
    uploader: Uploader,
    uploads: mpsc::Receiver<UploadResult>,
    reader: BlobReader,
    fetched: mpsc::Receiver<Event>,
    position: Position,
    process_memory: Option<u64>,
    launcher: Launcher,
    wake: Option<Instant>,
    /// Whether the keeper was given something that it should have at once.
    handed_over: bool,
    stop_by: Option<Instant>,
}

/// What this process did before it took up the documents anew.
#[derive(Default)]
struct Before {
    announced: bool,
    /// When it last began to dial.
    dialled: Option<Instant>,
    handover: Handover,
}

/// Runs a peer until its job ends. The caller turns the end into an exit code.
pub async fn run(config: PeerConfig) -> End {
    if let Err(error) = make_job_dir(&config.job_dir) {
        let shown = config.job_dir.display();
        return End::Local(format!(
            "the job's folder `{shown}` cannot be used: {error}"
        ));
    }
    let signals = signal(SignalKind::terminate()).and_then(|terminate| {
        signal(SignalKind::interrupt()).map(|interrupt| (terminate, interrupt))
    });
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => return End::Local(format!("signals cannot be heard: {error}")),
    };
    // A kernel that was found running is worth any wait.
    let patient = has_journal(&config.job_dir);
    let tokens = match config.auth.clone() {
        PeerAuth::Given(auth, socket) => Some(Tokens::given(auth, socket)),
        PeerAuth::FromAgent(socket) => tokio::select! {
            tokens = Tokens::from_agent(socket, patient) => tokens,
            _ = terminate.recv() => return left_before(End::Requested, &config.job_dir),
            _ = interrupt.recv() => return left_before(End::Requested, &config.job_dir),
        },
    };
    let Some(tokens) = tokens else {
        let reason = "the workstation agent gave no room token".to_owned();
        return left_before(End::FirstConnect(reason), &config.job_dir);
    };
    let mut before = Before::default();
    let mut conflicts = Conflicts::default();
    let mut wait = Duration::ZERO;
    let end = loop {
        let is_asked_to_end = tokio::select! {
            () = tokio::time::sleep(std::mem::take(&mut wait)) => false,
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
        };
        let started = Instant::now();
        let (mut peer, mut first) =
            match Box::pin(Peer::start(&config, tokens.clone(), before)).await {
                Ok(started) => started,
                Err(end) => break end,
            };
        if is_asked_to_end {
            first.extend(peer.stop());
        }
        let end = match peer.take(first) {
            Some(end) => end,
            None => peer.serve(&mut terminate, &mut interrupt).await,
        };
        before = Before {
            announced: peer.announced,
            dialled: Some(started),
            handover: peer.session.hand_over(),
        };
        // Who was asked to end does not begin anew.
        let end = match end {
            end if end.begins_anew() && peer.stop_by.is_some() => End::Requested,
            End::Conflict(_) => match conflicts.wait(started, Instant::now()) {
                Some(asked) => {
                    wait = asked;
                    end
                }
                None => End::Closed(end.to_string()),
            },
            end => end,
        };
        Box::pin(peer.finish(&end)).await;
        if !end.begins_anew() {
            break end;
        }
        // This peer starts over, as one that finds its kernel at work.
        tracing::info!("taking up the room's documents anew");
    };
    end.note(&config.job_dir);
    end
}

/// An end before anything was begun.
fn left_before(end: End, job_dir: &Path) -> End {
    end.note(job_dir);
    end
}

/// Whether a kernel of this job has said anything yet.
fn has_journal(job_dir: &Path) -> bool {
    let journal = std::fs::metadata(job_dir.join(FILE_NAME));
    journal.is_ok_and(|meta| meta.len() > START)
}

fn make_job_dir(job_dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(job_dir)
}

impl Peer {
    /// Adopts what a former peer of this job left, or begins afresh; dials the room.
    async fn start(
        config: &PeerConfig,
        tokens: Tokens,
        before: Before,
    ) -> Result<(Self, Vec<Event>), End> {
        let job_dir = &config.job_dir;
        let (position, from) = Position::open(job_dir, config.journal_limit);
        let adopted = has_journal(job_dir);
        let (client, status) = KeeperClient::adopt(job_dir).await.ok().unzip();
        let grown = Arc::new(Notify::new());
        let mut first = Vec::new();
        let mut death = None;
        let mut news = News::default();
        if adopted {
            let generation = status.as_ref().map_or(u64::MAX, |status| status.generation);
            news = News::since(generation);
            match status.as_ref().map(|status| status.kernel) {
                Some(KernelState::Running) => {
                    news = News::of_running(generation);
                    let told = status.as_ref().map(|status| &status.kernel_info);
                    let kernelspec = status
                        .as_ref()
                        .and_then(|status| status.kernelspec.as_deref());
                    let env_source = status.as_ref().and_then(|status| status.env_source.clone());
                    let told = told.unwrap_or(&serde_json::Value::Null);
                    let info = translate::info(told, kernelspec, env_source);
                    first.push(Event::KernelReady(info));
                }
                Some(KernelState::Starting) => {}
                Some(KernelState::None) | None => {
                    end_leftover_kernel(job_dir);
                    death = Some("the kernel ended while no runtime peer was there".to_owned());
                }
            }
            tracing::info!(from, kernel = ?status.map(|status| status.kernel), "adopted the job's keeper");
        }
        let mut settings = Settings::new(nonce(), config.launch_mode);
        settings.adopted = adopted;
        settings.output_cap_bytes = config.output_limit;
        if config.python.is_none() {
            // Whoever runs a cell is told why nothing runs.
            settings.launch = LaunchMode::Execute;
        }
        let (uploader, uploads) =
            Uploader::new(client_of(config)?, tokens.clone(), &config.notebook_id);
        let (reader, fetched) =
            BlobReader::new(client_of(config)?, tokens.clone(), &config.notebook_id);
        let dials = Dials::new(config, tokens.clone());
        let keeper = KeeperControl::start(
            job_dir.clone(),
            config.keeper.clone(),
            config.warm_kernels.clone(),
            client,
            Arc::clone(&grown),
        );
        let peer = Self {
            session: Session::new(settings).taking_over(before.handover),
            tokens,
            link: RoomLink::start(dials, adopted, before.dialled),
            connection: 0,
            announced: before.announced,
            watch: KernelWatch::start(job_dir.clone(), keeper.orders()),
            keeper,
            feed: JournalFeed::start(job_dir, from, Arc::clone(&grown)),
            grown,
            job_dir: job_dir.clone(),
            news,
            death,
            uploader,
            uploads,
            reader,
            fetched,
            position,
            process_memory: config.process_memory,
            launcher: Launcher::new(
                config.python.clone(),
                config.working_dir.clone(),
                config.environments,
                config.confinement.clone(),
            ),
            wake: None,
            handed_over: false,
            stop_by: None,
        };
        Ok((peer, first))
    }

    async fn serve(&mut self, terminate: &mut Signal, interrupt: &mut Signal) -> End {
        loop {
            let events = tokio::select! {
                biased;
                _ = terminate.recv() => self.stop(),
                _ = interrupt.recv() => self.stop(),
                () = until(self.stop_by) => return End::Requested,
                Some(event) = self.link.events.recv() => match self.on_link(event) {
                    Ok(events) => events,
                    Err(end) => return end,
                },
                Some(report) = self.keeper.reports.recv() => match self.on_keeper(report) {
                    Ok(events) => events,
                    Err(end) => return end,
                },
                Some(used) = self.watch.news.recv() => {
                    self.tell_use(&used);
                    Vec::new()
                }
                Some(upload) = self.uploads.recv() => vec![upload.into_event()],
                Some(blob) = self.fetched.recv() => vec![blob],
                released = self.position.kept() => {
                    self.release(released);
                    Vec::new()
                }
                step = self.launcher.next() => self.follow(step),
                () = until(self.wake) => {
                    self.wake = None;
                    vec![Event::Tick]
                }
                Some(batch) = self.feed.batches.recv(),
                    if self.session.wants_journal() && self.link.has_room() =>
                {
                    match self.on_batch(batch) {
                        Ok(events) => events,
                        Err(end) => return end,
                    }
                }
            };
            if let Some(end) = self.take(events) {
                return end;
            }
            if std::mem::take(&mut self.handed_over) {
                // The kernel gets it before this loop writes of it, or tells the agent.
                tokio::task::yield_now().await;
            }
            self.tokens.kernel_is(self.session.kernel_word());
        }
    }

    /// Feeds the session and does what it says.
    fn take(&mut self, events: Vec<Event>) -> Option<End> {
        let waits = !self.link.has_room() || !self.feed.batches.is_empty();
        self.session.journal_waits(waits);
        for event in events {
            for effect in self.session.handle(now(), event) {
                if let Some(end) = self.perform(effect) {
                    return Some(end);
                }
            }
        }
        None
    }

    /// Presence is lost when the link is: what it says would be old by then.
    fn tell_use(&self, used: &KernelUse) {
        let payload = used.to_presence().encode();
        let frame = wire::frame::encode(FrameType::Presence, &payload);
        self.link.send(self.connection, frame);
    }

    fn stop(&mut self) -> Vec<Event> {
        tracing::info!("asked to end");
        self.stop_by
            .get_or_insert_with(|| Instant::now() + STOP_LIMIT);
        vec![Event::Stop]
    }

    fn on_link(&mut self, event: LinkEvent) -> Result<Vec<Event>, End> {
        Ok(match event {
            LinkEvent::Up {
                connection,
                principal,
                is_ours,
            } => {
                self.connection = connection;
                self.uploader.room_is_reached(true);
                self.watch.tell_again();
                if !std::mem::replace(&mut self.announced, true) {
                    self.tokens.ready();
                    announce();
                }
                vec![Event::LinkUp { principal, is_ours }]
            }
            LinkEvent::Frame { connection, bytes } if connection == self.connection => {
                if tells_of_newcomer(&bytes) {
                    self.watch.tell_again();
                }
                vec![Event::Frame(bytes.to_vec())]
            }
            LinkEvent::Frame { .. } => Vec::new(),
            LinkEvent::Down { reason, .. } => {
                self.uploader.room_is_reached(false);
                vec![Event::LinkDown { reason }]
            }
            LinkEvent::Over(end) => return Err(end),
        })
    }

    fn on_keeper(&mut self, report: KeeperReport) -> Result<Vec<Event>, End> {
        Ok(match report {
            KeeperReport::LaunchFailed(details) => {
                vec![Event::KernelLaunchFailed {
                    reason: String::new(),
                    details,
                }]
            }
            KeeperReport::Gone => {
                self.death = Some("the kernel keeper ended unexpectedly".to_owned());
                // The feed says once more that the journal is at its end.
                self.grown.notify_one();
                Vec::new()
            }
            KeeperReport::Replaced => return Err(End::Replaced),
        })
    }

    fn on_batch(&mut self, batch: Result<Vec<Record>, JournalError>) -> Result<Vec<Event>, End> {
        let records = batch.map_err(|error| End::Local(error.to_string()))?;
        if !records.is_empty() {
            return Ok(translate::events(records, self.news));
        }
        let mut events = vec![Event::JournalCaughtUp];
        if let Some(details) = self.death.take() {
            events.push(Event::KernelDied { details });
        }
        Ok(events)
    }

    fn perform(&mut self, effect: Effect) -> Option<End> {
        match effect {
            Effect::SendFrame(bytes) => self.link.send(self.connection, bytes),
            Effect::LaunchKernel => return self.launch(false),
            Effect::RestartKernel => return self.launch(true),
            Effect::ShutdownKernel => {
                self.launcher.cancel();
                self.keeper.order(KeeperOrder::Stop);
            }
            Effect::InterruptKernel { force_signal } => {
                self.keeper.order(KeeperOrder::Interrupt { force_signal });
            }
            Effect::SendToKernel(message) => {
                if message.msg_type == "execute_request" {
                    tracing::info!(execution = message.msg_id, "Sent execute_request");
                }
                let outgoing = Box::new(translate::outgoing(*message));
                self.keeper.order(KeeperOrder::Send(outgoing));
                self.handed_over = true;
            }
            Effect::UploadBlob(blob) => {
                self.uploader
                    .upload(blob.sha256, blob.media_type, blob.bytes.into());
            }
            Effect::FetchBlob { sha256 } => self.reader.read(sha256),
            Effect::KeepOutput {
                execution_id,
                from,
                to,
            } => self.position.keep_output(execution_id, from, to),
            Effect::PersistPosition(position) => {
                let released = self.position.persist(position);
                self.release(released);
            }
            Effect::Reconnect => self.link.cut(self.connection),
            Effect::Warn(text) => tracing::warn!("{text}"),
            Effect::WakeAt(at) => self.wake = Some(Instant::now() + wait_until(at)),
            Effect::Exit(outcome) => return Some(End::of(outcome, self.stop_by.is_some())),
        }
        None
    }

    fn release(&mut self, position: Option<u64>) {
        if let Some(position) = position {
            self.keeper.order(KeeperOrder::Release(position));
        }
    }

    fn launch(&mut self, restart: bool) -> Option<End> {
        // From now on only this kernel is news; what became of those before it is not, though it may still be unread.
        self.news = News::since(last_generation(&self.job_dir) + 1);
        self.death = None;
        let wanted = self.session.kernelspec();
        let declared = self.session.declared_environment();
        let step = self.launcher.begin(wanted.as_ref(), declared);
        if let Some(Step::Order(spec)) = step {
            self.order(spec, restart);
            return None;
        }
        if restart {
            // What is replaced ends all the same: whatever comes next finds no kernel there.
            self.keeper.order(KeeperOrder::Stop);
        }
        let events = self.follow(step?);
        self.take(events)
    }

    /// Does what a launch comes to.
    fn follow(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::Tell(event) => vec![event],
            Step::Order(spec) => {
                self.order(spec, false);
                Vec::new()
            }
        }
    }

    fn order(&mut self, mut spec: Box<LaunchSpec>, restart: bool) {
        spec.process_memory = self.process_memory;
        let order = if restart {
            KeeperOrder::Restart(spec)
        } else {
            KeeperOrder::Launch(spec)
        };
        self.keeper.order(order);
    }

    /// Says goodbye to the room and, when the job is over, ends the kernel with all it started.
    async fn finish(self, end: &End) {
        let Self {
            link,
            keeper,
            watch,
            ..
        } = self;
        drop(watch);
        let kernel = async {
            if end.ends_kernel() {
                keeper.shutdown().await;
            }
        };
        tokio::join!(link.close(), kernel);
    }
}

/// Whether a frame says that somebody joined; most control frames are acknowledgements and not worth decoding.
fn tells_of_newcomer(frame: &[u8]) -> bool {
    const WORD: &[u8] = b"\"cloud_peer_joined\"";
    frame.first() == Some(&FrameType::SessionControl.byte())
        && frame.windows(WORD.len()).any(|window| window == WORD)
}

/// Says that the peer is in the room, whatever the log level, for agents that read it in the log (3.13).
fn announce() {
    let mut out = std::io::stdout().lock();
    // A closed stdout means that nobody waits.
    let _ = writeln!(out, "{PEER_READY_MARKER}").and_then(|()| out.flush());
}

/// Eight hex digits that tell this process's actors from every other's (WS-276).
pub(crate) fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
}

fn client_of(config: &PeerConfig) -> Result<CloudClient, End> {
    CloudClient::new(&config.network, config.cloud.clone())
        .map_err(|error| End::Config(error.to_string()))
}
