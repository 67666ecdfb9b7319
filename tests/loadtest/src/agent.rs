//! One agent: the real agent's core with its waits and jitter, and edges that start no kernel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agent_core::{
    Agent, AgentConfig, CloudFailure, Effect, Event, JobList, JobOrder, LinkEvent, LocalPeer,
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use crate::cloud::Cloud;

/// What the agent sends to see whether the cloud is still there.
const PING: &str = "nteract.workstation_events.ping.v1";
/// Events that may wait for one agent.
const INBOX: usize = 64;

/// What all agents share.
pub struct Fleet {
    pub cloud: Cloud,
    /// Event sockets open now.
    pub open: AtomicUsize,
    /// Who waits for a wake-up of which workstation.
    pub awaited: Mutex<HashMap<String, oneshot::Sender<Instant>>>,
    started: Instant,
}

impl Fleet {
    pub fn new(cloud: Cloud) -> Arc<Self> {
        Arc::new(Self {
            cloud,
            open: AtomicUsize::new(0),
            awaited: Mutex::default(),
            started: Instant::now(),
        })
    }

    /// Waits for the next pending job of a workstation to be told to its agent.
    pub fn wake_up(&self, workstation: &str) -> oneshot::Receiver<Instant> {
        let (sender, receiver) = oneshot::channel();
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.insert(workstation.to_owned(), sender);
        receiver
    }

    fn woken(&self, workstation: &str) {
        let now = Instant::now();
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = awaited.remove(workstation) {
            // Nobody waits any more when the time was over.
            let _ = sender.send(now);
        }
    }
}

/// The id of an agent's workstation.
pub fn workstation(number: usize) -> String {
    format!("load-{number}")
}

struct Edges {
    fleet: Arc<Fleet>,
    number: usize,
    token: Arc<str>,
    events: mpsc::Sender<Event>,
}

/// Lives until the task is dropped.
pub async fn live(fleet: Arc<Fleet>, number: usize, token: Arc<str>) {
    let (events, mut inbox) = mpsc::channel(INBOX);
    let mut agent = Agent::new(AgentConfig {
        seed: number as u64 + 1,
        ..AgentConfig::default()
    });
    let edges = Edges {
        fleet: Arc::clone(&fleet),
        number,
        token,
        events,
    };
    let mut link: Option<(mpsc::Sender<()>, tokio::task::JoinHandle<()>)> = None;
    let now = || fleet.started.elapsed().as_millis() as u64;
    let mut event = Event::Tick;
    loop {
        for effect in agent.handle(now(), event) {
            match effect {
                Effect::OpenLink => link = Some(edges.open_link()),
                Effect::PingLink => {
                    if let Some((pings, _)) = &link {
                        let _ = pings.try_send(());
                    }
                }
                Effect::CloseLink => {
                    if let Some((_, task)) = link.take() {
                        task.abort();
                    }
                }
                Effect::Exit { .. } => return,
                other => edges.carry_out(other),
            }
        }
        let wait = agent.next_deadline().map(|at| at.saturating_sub(now()));
        let wait = Duration::from_millis(wait.unwrap_or(60_000));
        event = tokio::select! {
            Some(event) = inbox.recv() => event,
            () = tokio::time::sleep(wait) => Event::Tick,
        };
    }
}

impl Edges {
    fn carry_out(&self, effect: Effect) {
        let answer = match effect {
            Effect::Register | Effect::Poll | Effect::Report { .. } => {
                let call = Call {
                    fleet: Arc::clone(&self.fleet),
                    number: self.number,
                    token: Arc::clone(&self.token),
                };
                let events = self.events.clone();
                tokio::spawn(async move {
                    let event = call.make(effect).await;
                    let _ = events.send(event).await;
                });
                return;
            }
            Effect::Inspect { job } => Event::Inspected {
                job_id: job.job_id,
                found: LocalPeer::Foreign,
            },
            Effect::Spawn { job } => Event::Spawned {
                job_id: job.job_id,
                result: Err("a load test starts nothing".to_owned()),
            },
            _ => return,
        };
        let events = self.events.clone();
        tokio::spawn(async move { events.send(answer).await });
    }

    fn open_link(&self) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (pings, orders) = mpsc::channel(1);
        let fleet = Arc::clone(&self.fleet);
        let (number, token, events) = (self.number, Arc::clone(&self.token), self.events.clone());
        let task = tokio::spawn(async move {
            let end = listen(&fleet, number, &token, &events, orders).await;
            let _ = events.send(Event::Link(end)).await;
        });
        (pings, task)
    }
}

struct Call {
    fleet: Arc<Fleet>,
    number: usize,
    token: Arc<str>,
}

impl Call {
    async fn make(&self, effect: Effect) -> Event {
        let id = workstation(self.number);
        match effect {
            Effect::Register => {
                let body = json!({"workstation_id": id, "display_name": id,
                    "provider": "runtime_peer", "working_directory": "/home/load", "cpu_count": 8});
                let answer = self.call(Method::POST, "/api/workstations", Some(body));
                Event::Registered(answer.await.map(drop))
            }
            Effect::Report {
                job_id,
                status,
                error_message,
            } => {
                let path = format!("/api/workstations/{id}/attach-jobs/{job_id}");
                let body = json!({"status": status, "error_message": error_message});
                let result = self.call(Method::PATCH, &path, Some(body)).await.map(drop);
                Event::Reported {
                    job_id,
                    status,
                    result,
                }
            }
            _ => {
                let path = format!("/api/workstations/{id}/attach-jobs");
                let polled = self.call(Method::GET, &path, None).await;
                Event::Polled(polled.map(|body| JobList {
                    jobs: orders(&body),
                    skipped: Vec::new(),
                    is_whole: true,
                }))
            }
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, CloudFailure> {
        let cloud = &self.fleet.cloud;
        cloud
            .as_agent(self.number, &self.token, method, path, body)
            .await
    }
}

fn orders(body: &Value) -> Vec<JobOrder> {
    let word = |job: &Value, name: &str| job[name].as_str().unwrap_or_default().to_owned();
    let jobs = body["jobs"].as_array().into_iter().flatten();
    jobs.map(|job| JobOrder {
        job_id: word(job, "job_id"),
        notebook_id: word(job, "notebook_id"),
        status: word(job, "status"),
        trigger: word(job, "trigger"),
        ..JobOrder::default()
    })
    .collect()
}

/// Counts an open socket for as long as it lives.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn listen(
    fleet: &Fleet,
    number: usize,
    token: &str,
    events: &mpsc::Sender<Event>,
    mut pings: mpsc::Receiver<()>,
) -> LinkEvent {
    let id = workstation(number);
    let mut socket = match fleet.cloud.dial(number, token, &id).await {
        Ok(socket) => socket,
        Err(failure) => return LinkEvent::Failed(failure),
    };
    fleet.open.fetch_add(1, Ordering::Relaxed);
    let _open = Open(&fleet.open);
    let mut news = LinkEvent::Opened;
    loop {
        if events.send(Event::Link(news)).await.is_err() {
            return LinkEvent::Closed;
        }
        news = loop {
            tokio::select! {
                message = socket.next() => break heard(fleet, &id, message),
                Some(()) = pings.recv() => {
                    if socket.send(Message::text(PING)).await.is_err() {
                        return LinkEvent::Closed;
                    }
                }
            }
        };
        if matches!(news, LinkEvent::Closed | LinkEvent::Failed(_)) {
            return news;
        }
    }
}

/// What a message is to the agent.
fn heard(
    fleet: &Fleet,
    workstation: &str,
    message: Option<Result<Message, SocketError>>,
) -> LinkEvent {
    match message {
        Some(Ok(Message::Text(text))) => {
            let event: Value = serde_json::from_str(&text).unwrap_or_default();
            match event["event"].as_str() {
                Some("attach_jobs") => {
                    if event["data"]["status"] == "pending" {
                        fleet.woken(workstation);
                    }
                    LinkEvent::AttachJobs
                }
                Some("went_offline") => LinkEvent::WentOffline,
                _ => LinkEvent::Traffic,
            }
        }
        Some(Ok(Message::Close(_))) | None => LinkEvent::Closed,
        Some(Ok(_)) => LinkEvent::Traffic,
        Some(Err(error)) => LinkEvent::Failed(CloudFailure {
            message: error.to_string(),
            ..CloudFailure::default()
        }),
    }
}
