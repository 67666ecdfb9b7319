//! The agent's loop: carries out what `agent-core` decides and reports back.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use agent_core::{
    Agent, AgentConfig, Answer, Effect, Event, LogLevel, Order, OutputLimits, SpawnSettings,
    StopPolicy, peer_environment, slug,
};
use cloud_client::{BaseUrl, CloudClient, JobPatch, Network, SecretString};
use tokio::sync::{mpsc, oneshot};
use wire::http::{JobStatus, OfferedKernel};

use crate::agent_error::AgentError;
use crate::control_desk::{ControlDesk, Told};
use crate::drain_mark::DrainMark;
use crate::facts::{with_idle_minutes, with_kernels, with_live};
use crate::first_process::{collect_orphans, is_first};
use crate::housekeeping::{Keep, look_after};
use crate::limits::JobLimits;
use crate::link::Link;
use crate::live::{CLOCK_HINT, Live, clock_skew, clock_words};
use crate::lock::AgentLock;
use crate::own_credential::{Notice, OwnCredential};
use crate::peers::Peers;
use crate::reports::{failure, job_list};
use crate::scopes::Containment;
use crate::stop_signals::StopSignals;
use crate::storage::{self, with_storage};
use crate::warm_pool::{WarmPool, WarmSettings};
use crate::{
    Accelerator, Env, KernelFinder, MachineFacts, MachineName, detect_accelerators, registration,
    with_drain, with_machine,
};

/// Events that may wait for the loop.
const NEWS_LIMIT: usize = 256;

/// What the agent is started with.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The way to the cloud.
    pub network: Network,
    /// The cloud.
    pub base: BaseUrl,
    /// The credential.
    pub token: SecretString,
    /// Where the credential is stored, if the token comes from there.
    pub credential_file: Option<PathBuf>,
    /// This machine's id.
    pub workstation_id: String,
    /// This machine's name.
    pub display_name: String,
    /// Where kernels start when the job does not say.
    pub working_directory: PathBuf,
    /// The interpreter for kernels.
    pub python_path: PathBuf,
    /// Holds the job folders; its parent holds the lock.
    pub agent_root: PathBuf,
    /// The program that is also the peer: our own executable.
    pub program: PathBuf,
    /// Finds the kernels that are offered; without it nothing is said of them.
    pub kernels: Option<KernelFinder>,
    /// Minutes without a running cell after which kernels here stop, unless a notebook's owner says otherwise; 0 is never.
    pub idle_minutes: Option<u32>,
    /// Whether notebooks may have environments of their own.
    pub environments: bool,
    /// How many kernels are started before anybody asks; without it as many as suit the machine.
    pub warm_kernels: Option<u32>,
    /// Variables handed to peers beyond the allowlist.
    pub pass_env: Vec<String>,
    /// How much output is shown and kept.
    pub output: OutputLimits,
    /// The agent's environment.
    pub env: Env,
    /// What each job may take.
    pub limits: JobLimits,
    /// Arguments that tell peers and keepers what to keep from notebook code.
    pub secrets: Vec<OsString>,
    /// How much of ended jobs is kept.
    pub keep: Keep,
    /// Times and policies.
    pub config: AgentConfig,
}

/// What reaches the loop.
#[derive(Debug)]
pub(crate) enum News {
    /// For the core.
    Core(Event),
    /// A new inventory, or that there is none to be had.
    Accelerators(Option<Vec<Accelerator>>),
    /// The kernels that are there now.
    Kernels(Vec<OfferedKernel>),
    /// How far this machine's clock is ahead of the cloud's, in milliseconds.
    Clock(i64),
    /// What the cloud said of the credential.
    Notice(Notice),
    /// The operator's order, and the way back.
    Order(Order, oneshot::Sender<Answer>),
    /// The credential's id and new token, or none when it could not be rotated.
    Rotated(Option<(String, SecretString)>),
}

struct AgentLoop {
    options: AgentOptions,
    client: CloudClient,
    facts: MachineFacts,
    machine: MachineName,
    own: Option<OwnCredential>,
    rotating: bool,
    accelerators: Option<Vec<Accelerator>>,
    /// Whether the next registration asks the machine for its accelerators first.
    look_due: bool,
    kernels: Option<Vec<OfferedKernel>>,
    looking: bool,
    live: Live,
    clock_skew_ms: Option<i64>,
    peers: Peers,
    link: Option<Link>,
    drain: DrainMark,
    /// Why nothing can be stored here, as last seen.
    storage: Option<String>,
    /// What was last said about this build.
    build: Option<String>,
    news: mpsc::Sender<News>,
}

/// Runs the agent until it is told to end or has to; needs a tokio runtime with everything enabled.
pub async fn run_agent(options: AgentOptions) -> Result<(), AgentError> {
    let state = options.agent_root.parent().unwrap_or(Path::new("/"));
    for folder in [state, options.agent_root.as_path()] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| AgentError::Folder {
            path: folder.to_owned(),
            cause,
        })?;
    }
    let _lock = AgentLock::take(state, &options.workstation_id)?;
    let client =
        CloudClient::new(&options.network, options.base.clone())?.with_token(options.token.clone());
    let (news, inbox) = mpsc::channel(NEWS_LIMIT);
    let drain = DrainMark::at(state, &options.workstation_id);
    let secrets = options.secrets.clone();
    let containment = Containment::find(options.limits, &options.env, secrets).await;
    let limits = containment.in_force().clone();
    tracing::info!(limits = limits.line(), "[workstation-agent] limits of jobs");
    let told = Told::new(limits, &options.python_path);
    // An agent that cannot be spoken to still serves.
    let _desk = ControlDesk::open(state, &options.workstation_id, told, news.clone())
        .inspect_err(|error| {
            tracing::warn!(%error, "[workstation-agent] no orders can be taken");
        })
        .ok();
    let environment = peer_environment(
        |name| options.env.raw(name).map(str::to_owned),
        &options.pass_env,
    );
    let warm_pool = WarmPool::start(warm_settings(&options, &containment, &environment, state));
    let settings = SpawnSettings {
        cloud_url: options.base.to_string(),
        python_path: options.python_path.to_string_lossy().into_owned(),
        working_directory: options.working_directory.to_string_lossy().into_owned(),
        workstation_id: options.workstation_id.clone(),
        display_name: options.display_name.clone(),
        agent_root: options.agent_root.to_string_lossy().into_owned(),
        output: options.output,
        environments: options.environments,
        warm_kernels: warm_pool.as_ref().map(WarmPool::folder),
    };
    let peers = Peers::new(
        options.program.clone(),
        containment,
        settings,
        environment,
        client.clone(),
        options.token.clone(),
        news.clone(),
    );
    tracing::info!(
        cloud = %options.base,
        workstation_id = options.workstation_id,
        name = options.display_name,
        working_directory = %options.working_directory.display(),
        python = %options.python_path.display(),
        root = %options.agent_root.display(),
        "[workstation-agent] starting"
    );
    let collector = tokio::spawn(collect_orphans());
    let housekeeper = tokio::spawn(look_after(
        options.agent_root.clone(),
        options.keep,
        news.clone(),
    ));
    let own = OwnCredential::find(
        options.credential_file.clone(),
        &options.base,
        &options.workstation_id,
        &options.token,
    );
    let agent_loop = AgentLoop {
        client,
        facts: MachineFacts::detect(),
        machine: MachineName::detect(&options.env, options.credential_file.as_deref()),
        own,
        rotating: false,
        accelerators: None,
        look_due: false,
        kernels: None,
        looking: false,
        live: Live::new(options.agent_root.clone()),
        clock_skew_ms: None,
        peers,
        link: None,
        drain,
        storage: None,
        build: None,
        news,
        options,
    };
    let ended = agent_loop.run(inbox).await;
    housekeeper.abort();
    collector.abort();
    if let Some(pool) = warm_pool {
        pool.close().await;
    }
    ended
}

fn warm_settings(
    options: &AgentOptions,
    containment: &Containment,
    environment: &[(String, String)],
    state: &Path,
) -> WarmSettings {
    WarmSettings {
        size: options.warm_kernels,
        folder: state
            .join("warm-kernels")
            .join(slug(&options.workstation_id)),
        program: options.program.clone(),
        containment: containment.clone(),
        environment: environment.to_vec(),
        python: options.python_path.clone(),
        working_directory: options.working_directory.clone(),
    }
}

impl AgentLoop {
    async fn run(mut self, mut inbox: mpsc::Receiver<News>) -> Result<(), AgentError> {
        let mut signals = StopSignals::listen().map_err(AgentError::Signals)?;
        let started = Instant::now();
        let now = || started.elapsed().as_millis() as u64;
        let mut config = self.options.config.clone();
        config.admission.draining = self.drain.is_set();
        config.is_first = is_first();
        if config.is_first && config.on_stop == StopPolicy::Detach {
            tracing::warn!(
                "[workstation-agent] nothing outlives the first process of a container: kernels end with this agent"
            );
        }
        let mut agent = Agent::new(config);
        let first = Event::LeftBehind {
            job_ids: self.peers.left_behind(),
        };
        let mut effects = agent.handle(now(), first);
        loop {
            for effect in effects {
                if let Effect::Exit { code, message } = effect {
                    return match message {
                        None if code == 0 => Ok(()),
                        message => Err(AgentError::Ended {
                            code,
                            message: message.unwrap_or_default(),
                        }),
                    };
                }
                self.carry_out(effect);
            }
            let wait = agent
                .next_deadline()
                .map(|at| Duration::from_millis(at.saturating_sub(now())));
            let event = tokio::select! {
                () = signals.heard() => Event::StopRequested,
                Some(news) = inbox.recv() => match news {
                    News::Order(order, reply) => {
                        let mut answer;
                        (answer, effects) = agent.obey(now(), &order);
                        if let Answer::Ok(status) = &mut answer {
                            status.clock_skew_ms = self.clock_skew_ms;
                        }
                        // Whoever asked may be gone; the order holds.
                        let _ = reply.send(answer);
                        continue;
                    }
                    news => self.take(news),
                },
                () = sleep_for(wait) => Event::Tick,
            };
            effects = agent.handle(now(), event);
        }
    }

    fn take(&mut self, news: News) -> Event {
        match news {
            News::Core(event) => {
                if let Event::Storage(trouble) = &event {
                    self.storage.clone_from(trouble);
                }
                event
            }
            // Answered by the loop itself.
            News::Order(..) => Event::Tick,
            News::Accelerators(found) => {
                self.accelerators = found;
                Event::Tick
            }
            News::Kernels(found) => {
                self.looking = false;
                if self.kernels.as_ref() == Some(&found) {
                    return Event::Tick;
                }
                self.kernels = Some(found);
                Event::FactsChanged
            }
            News::Clock(skew_ms) => {
                let words = clock_words(skew_ms);
                let is_known = self
                    .clock_skew_ms
                    .is_some_and(|known| clock_words(known).is_some());
                if let Some(words) = words.filter(|_| !is_known) {
                    tracing::warn!("[workstation-agent] {words}\nHint: {CLOCK_HINT}");
                }
                self.clock_skew_ms = Some(skew_ms);
                Event::Tick
            }
            News::Notice(notice) => {
                if notice.build != self.build
                    && let Some(told) = &notice.build
                {
                    tracing::warn!("[workstation-agent] {told}; `runt upgrade` replaces it");
                }
                self.build = notice.build;
                if notice.room_tokens {
                    self.peers.use_room_tokens();
                }
                if let Some(credential_id) = notice.rotate {
                    self.rotate(credential_id);
                }
                Event::Tick
            }
            News::Rotated(rotated) => {
                self.rotating = false;
                if let Some((credential_id, token)) = rotated {
                    tracing::info!("[workstation-agent] the credential was rotated");
                    if let Some(own) = &mut self.own {
                        own.keep(credential_id, token.clone());
                    }
                    self.use_credential(token);
                }
                Event::Tick
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::LookAtDevices => self.look_due = true,
            Effect::Register => self.register(),
            Effect::Poll => self.poll(),
            Effect::Report {
                job_id,
                status,
                error_message,
            } => self.report(job_id, status, error_message),
            Effect::OpenLink => {
                let (id, token) = (&self.options.workstation_id, &self.options.token);
                let (client, news) = (self.client.clone(), self.news.clone());
                self.link = Some(Link::open(client, id.clone(), token.clone(), news));
            }
            Effect::PingLink => {
                if let Some(link) = &self.link {
                    link.ping();
                }
            }
            Effect::CloseLink => self.link = None,
            Effect::Inspect { job } => {
                let found = self.peers.inspect(&job);
                self.tell(Event::Inspected {
                    job_id: job.job_id,
                    found,
                });
            }
            Effect::Spawn { job } => {
                let result = self.peers.spawn(&job);
                self.tell(Event::Spawned {
                    job_id: job.job_id,
                    result,
                });
            }
            Effect::Terminate { job_id } => self.peers.terminate(&job_id),
            Effect::Kill { job_id } => self.peers.kill(&job_id),
            Effect::ForgetPeer { job_id } => self.peers.forget(&job_id),
            Effect::EndKernel { job_id } => self.peers.end_kernel(&job_id),
            Effect::Draining { on } => self.drain.set(on),
            Effect::Log { level, text } => match level {
                LogLevel::Error => tracing::error!("[workstation-agent] {text}"),
                LogLevel::Warn => tracing::warn!("[workstation-agent] {text}"),
                LogLevel::Info => tracing::info!("[workstation-agent] {text}"),
            },
            // Handled by the loop itself.
            Effect::Exit { .. } => {}
        }
    }

    /// Answers an order of the core from a task: the loop's own inbox may be full.
    fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(news)) = self.news.try_send(News::Core(event)) {
            let sender = self.news.clone();
            tokio::spawn(async move { sender.send(news).await });
        }
    }

    /// Everything from now on presents this token. Sockets that a former one opened are ended by the cloud when it takes
    /// that no more, and opened anew with this one.
    fn use_credential(&mut self, token: SecretString) {
        self.client = self.client.clone().with_token(token.clone());
        self.peers.use_credential(token.clone());
        self.options.token = token;
    }

    fn rotate(&mut self, credential_id: String) {
        let Some(own) = self.own.as_ref().filter(|_| !self.rotating) else {
            return;
        };
        if let Some(error) = own.obstacle() {
            tracing::warn!("[workstation-agent] the credential is not renewed: {error}");
            return;
        }
        self.rotating = true;
        let (client, news) = (self.client.clone(), self.news.clone());
        tokio::spawn(async move {
            let rotated = client.rotate_credential(&credential_id).await;
            if let Err(error) = &rotated {
                tracing::warn!("[workstation-agent] {error}");
            }
            let rotated = rotated.ok().map(|token| (credential_id, token));
            let _ = news.send(News::Rotated(rotated)).await;
        });
    }

    fn register(&mut self) {
        let own = self.own.as_mut().filter(|_| !self.rotating);
        if let Some(token) = own.and_then(|own| own.settle(&self.options.token)) {
            tracing::info!("[workstation-agent] the credential file has another token now");
            self.use_credential(token);
        }
        self.look_for_kernels();
        let due = std::mem::take(&mut self.look_due);
        let (client, news, options) =
            (self.client.clone(), self.news.clone(), self.options.clone());
        let (facts, known) = (self.facts, self.accelerators.clone());
        let machine = self.machine.clone();
        let kernels = self.kernels.clone();
        let (draining, storage) = (self.drain.is_set(), self.storage.clone());
        let (live, skew_ms) = (self.live.clone(), self.clock_skew_ms);
        tokio::spawn(async move {
            let mut accelerators = known;
            if due {
                accelerators = detect_accelerators().await;
                let _ = news.send(News::Accelerators(accelerators.clone())).await;
            }
            let payload = registration(
                &options.workstation_id,
                &options.display_name,
                &options.working_directory,
                &options.python_path,
                facts,
                accelerators.as_deref(),
            );
            let has_nvidia = accelerators
                .iter()
                .flatten()
                .any(Accelerator::answers_nvidia_smi);
            let payload = with_idle_minutes(payload, options.idle_minutes);
            let payload = with_live(payload, &live.look(has_nvidia).await, skew_ms);
            let payload = with_kernels(payload, kernels.as_deref());
            let payload = with_drain(with_machine(payload, &machine), draining);
            let payload = with_storage(payload, storage.as_deref());
            let sent = SystemTime::now();
            let answer = client.register(&payload).await;
            if let Ok(answer) = &answer {
                if let Some(skew_ms) = clock_skew(sent, SystemTime::now(), answer) {
                    let _ = news.send(News::Clock(skew_ms)).await;
                }
                let _ = news.send(News::Notice(Notice::of(answer))).await;
            }
            let result = answer.map(|_| ()).map_err(|e| failure(&e));
            let _ = news.send(News::Core(Event::Registered(result))).await;
        });
    }

    /// A heartbeat does not wait for it: what is found is told by the next one, which comes soon if it is new.
    fn look_for_kernels(&mut self) {
        let Some(finder) = self.options.kernels.clone().filter(|_| !self.looking) else {
            return;
        };
        self.looking = true;
        let news = self.news.clone();
        tokio::spawn(async move {
            let _ = news.send(News::Kernels(finder.look().await)).await;
        });
    }

    fn poll(&self) {
        let (client, news) = (self.client.clone(), self.news.clone());
        let id = self.options.workstation_id.clone();
        let root = self.options.agent_root.clone();
        tokio::spawn(async move {
            let polled = client.poll_attach_jobs(&id).await;
            let result = polled.map(job_list).map_err(|error| failure(&error));
            // Whether a new job can be taken is seen afresh.
            let seen = tokio::task::spawn_blocking(move || storage::trouble(&root)).await;
            if let Ok(trouble) = seen {
                let _ = news.send(News::Core(Event::Storage(trouble))).await;
            }
            let _ = news.send(News::Core(Event::Polled(result))).await;
        });
    }

    fn report(&self, job_id: String, status: JobStatus, error_message: Option<String>) {
        if status == JobStatus::Accepted {
            self.peers.prepare(&job_id);
        }
        let (client, news) = (self.client.clone(), self.news.clone());
        let id = self.options.workstation_id.clone();
        tokio::spawn(async move {
            let patch = JobPatch {
                status,
                error_message,
            };
            let result = client.patch_attach_job(&id, &job_id, &patch).await;
            let result = result.map(|_| ()).map_err(|error| failure(&error));
            let _ = news
                .send(News::Core(Event::Reported {
                    job_id,
                    status,
                    result,
                }))
                .await;
        });
    }
}

async fn sleep_for(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
