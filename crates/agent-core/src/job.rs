//! One attach job's life on this machine (spec 3.10 to 3.16).

use wire::http::JobStatus;

use crate::backoff::Jitter;
use crate::cooldown::{Step, retry_hint};
use crate::exit::{exit_message, is_crash};
use crate::message::{earlier, log};
use crate::report::Report;
use crate::{AgentConfig, CloudFailure, Effect, JobOrder, LocalPeer, LogLevel, Millis, PeerExit};

/// Window in which crashes of one job's peer are counted.
pub const CRASH_WINDOW_MS: Millis = 600_000;
/// How long a job that cannot be accepted is tried.
const ACCEPT_MS: Millis = 180_000;
/// How long the end of a job is reported before it is given up.
const OUTBOX_MS: Millis = 24 * 60 * 60 * 1000;
/// How long a killed process may take to be seen gone.
const AFTER_KILL_MS: Millis = 5_000;
/// "No such job" answers in a row that end a job.
const NOT_FOUND_LIMIT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// The cloud no longer wants the job: nothing more is reported.
    Dropped,
    /// The peer never became ready.
    NeverReady,
    /// The agent ends.
    Shutdown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Inspecting {
        /// Whether the cloud's list has the job.
        is_listed: bool,
    },
    Accepting {
        since: Millis,
    },
    Respawning {
        at: Millis,
    },
    Spawning,
    Starting {
        since: Millis,
    },
    Running,
    Stopping {
        why: Why,
        since: Millis,
        killed: Option<Millis>,
    },
    Over {
        since: Millis,
    },
}

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    order: JobOrder,
    phase: Phase,
    report: Report,
    crashes: Vec<Millis>,
    /// The kernel's state as its peer last said.
    kernel: Option<String>,
    /// Whether a peer of this job was in the room: one that takes its place may wait for the cloud as long as it likes,
    /// beside a kernel at work.
    served: bool,
    /// The end was asked for while the process was still being started.
    stop_when_spawned: Option<Why>,
    /// The peer was ready before the edge had said that it was started or found.
    ready_early: bool,
    gone: bool,
}

impl Job {
    /// A job that waits to be accepted.
    pub(crate) fn pending(order: JobOrder, now: Millis) -> Self {
        Self::new(order, Phase::Accepting { since: now }, now)
    }

    /// A job that the cloud believes to be here already.
    pub(crate) fn listed(order: JobOrder, now: Millis, out: &mut Vec<Effect>) -> Self {
        out.push(Effect::Inspect { job: order.clone() });
        Self::new(order, Phase::Inspecting { is_listed: true }, now)
    }

    /// A job that an earlier agent left here and that the cloud no longer lists: a living peer is adopted, and its
    /// first report tells that it is over; without a peer nothing of it is to stay.
    pub(crate) fn left_behind(job_id: String, now: Millis, out: &mut Vec<Effect>) -> Self {
        let order = JobOrder {
            job_id,
            ..JobOrder::default()
        };
        out.push(Effect::Inspect { job: order.clone() });
        Self::new(order, Phase::Inspecting { is_listed: false }, now)
    }

    fn new(order: JobOrder, phase: Phase, now: Millis) -> Self {
        let report = Report::new(now);
        Self {
            order,
            phase,
            report,
            crashes: Vec::new(),
            kernel: None,
            served: false,
            stop_when_spawned: None,
            ready_early: false,
            gone: false,
        }
    }

    fn id(&self) -> String {
        self.order.job_id.clone()
    }

    /// Whether nothing is left to do for the job.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether the job's process may still be there.
    pub(crate) fn has_process(&self) -> bool {
        matches!(
            self.phase,
            Phase::Spawning | Phase::Starting { .. } | Phase::Running | Phase::Stopping { .. }
        )
    }

    /// The cloud's list no longer has the job: ask at once instead of at the next repetition.
    pub(crate) fn doubt(&mut self, now: Millis) {
        if self.report.delivered && matches!(self.phase, Phase::Starting { .. } | Phase::Running) {
            self.report.due = self.report.due.min(now);
        }
    }

    /// What was found of the peer after a restart of the agent.
    pub(crate) fn inspected(
        &mut self,
        now: Millis,
        found: LocalPeer,
        config: &AgentConfig,
        out: &mut Vec<Effect>,
    ) {
        let Phase::Inspecting { is_listed } = self.phase else {
            return;
        };
        let id = self.id();
        self.served |= self.order.status == "running";
        match found {
            LocalPeer::Alive { ready } => {
                let ready = std::mem::take(&mut self.ready_early) || ready;
                self.served |= ready;
                out.push(log(
                    LogLevel::Info,
                    format!("adopted the peer of job_id={id}"),
                ));
                if self.served {
                    self.phase = Phase::Running;
                    self.tell(now, JobStatus::Running, None);
                } else {
                    self.phase = Phase::Starting { since: now };
                    self.tell(now, JobStatus::Accepted, None);
                }
            }
            LocalPeer::Dead { .. } if !is_listed => {
                out.push(log(
                    LogLevel::Info,
                    format!("job_id={id} ended while no agent was there"),
                ));
                self.forget(out);
                self.gone = true;
            }
            LocalPeer::Dead { exit: Some(exit) } => self.ended(now, &exit, out),
            LocalPeer::Dead { exit: None } if config.crash_restarts > 0 => {
                self.crashed(now, config, out);
            }
            LocalPeer::Dead { exit: None } => {
                let text = format!(
                    "The runtime peer of this {} job was not running after the workstation agent restarted",
                    self.order.status
                );
                self.over(now, JobStatus::Failed, Some(text), out);
            }
            LocalPeer::Foreign => self.gone = true,
        }
    }

    /// The process was started, or could not be.
    pub(crate) fn spawned(
        &mut self,
        now: Millis,
        result: Result<(), String>,
        out: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::Spawning {
            return;
        }
        match (result, self.stop_when_spawned.take()) {
            (Err(_), Some(Why::Dropped)) => self.gone = true,
            (Err(reason), _) => {
                let text = format!("The runtime peer could not be started: {reason}");
                self.over(now, JobStatus::Failed, Some(text), out);
            }
            (Ok(()), Some(why)) => self.stop(now, why, out),
            (Ok(()), None) => {
                self.phase = Phase::Starting { since: now };
                if std::mem::take(&mut self.ready_early) {
                    self.ready(now);
                }
            }
        }
    }

    /// The peer said that it is connected.
    pub(crate) fn ready(&mut self, now: Millis) {
        match self.phase {
            Phase::Starting { .. } => {
                self.phase = Phase::Running;
                self.served = true;
                self.tell(now, JobStatus::Running, None);
            }
            Phase::Spawning | Phase::Inspecting { .. } => self.ready_early = true,
            _ => {}
        }
    }

    /// The peer's process is gone.
    pub(crate) fn exited(
        &mut self,
        now: Millis,
        exit: &PeerExit,
        config: &AgentConfig,
        out: &mut Vec<Effect>,
    ) {
        if !self.has_process() {
            return;
        }
        if let Phase::Stopping { why, killed, .. } = &self.phase {
            match (why.clone(), killed.is_some()) {
                (Why::Dropped, _) => {
                    self.forget(out);
                    self.gone = true;
                }
                (Why::NeverReady, _) => {
                    let mut text = "The runtime peer did not become ready in time".to_owned();
                    if let Some(detail) = &exit.detail {
                        text = format!("{text}: {detail}");
                    }
                    self.over(now, JobStatus::Failed, Some(text), out);
                }
                (Why::Shutdown, false) if exit.unseen => {
                    // Asked to end and gone: an adopted peer shows no exit code.
                    self.over(now, JobStatus::Completed, None, out);
                }
                (Why::Shutdown, _) => self.ended(now, exit, out),
            }
        } else if config.crash_restarts > 0 && is_crash(exit) {
            self.crashed(now, config, out);
        } else {
            self.ended(now, exit, out);
        }
    }

    fn ended(&mut self, now: Millis, exit: &PeerExit, out: &mut Vec<Effect>) {
        if exit.code == Some(0) && exit.signal.is_none() {
            self.over(now, JobStatus::Completed, None, out);
        } else {
            let text = exit_message(exit, matches!(self.phase, Phase::Running));
            self.over(now, JobStatus::Failed, Some(text), out);
        }
    }

    /// A crash does not end the job: another peer takes over, unless that happened too often (D4).
    fn crashed(&mut self, now: Millis, config: &AgentConfig, out: &mut Vec<Effect>) {
        let id = self.id();
        self.crashes
            .retain(|at| now.saturating_sub(*at) < CRASH_WINDOW_MS);
        self.crashes.push(now);
        if self.crashes.len() as u32 > config.crash_restarts {
            let text = format!(
                "The runtime peer crashed {} times in a row",
                self.crashes.len()
            );
            self.over(now, JobStatus::Failed, Some(text), out);
            return;
        }
        self.ready_early = false;
        out.push(Effect::ForgetPeer { job_id: id.clone() });
        out.push(log(
            LogLevel::Warn,
            format!("the peer of job_id={id} crashed; starting another"),
        ));
        // The first restart is quick, later ones give the cause time to pass.
        self.phase = Phase::Respawning {
            at: now + 1_000 * self.crashes.len() as Millis,
        };
        if self.report.status.is_over() {
            self.tell(now, JobStatus::Running, None);
        }
    }

    /// The cloud took the report.
    pub(crate) fn reported(
        &mut self,
        now: Millis,
        status: JobStatus,
        config: &AgentConfig,
        out: &mut Vec<Effect>,
    ) {
        self.report.in_flight = false;
        self.report.unheard_since = None;
        if status != self.report.status {
            return;
        }
        self.report.delivered = true;
        self.report.failures = 0;
        self.report.not_found = 0;
        self.report.due = now + config.repeat_ms.min(config.heartbeat_ms);
        match self.phase {
            Phase::Accepting { .. } => {
                self.phase = Phase::Spawning;
                out.push(Effect::Spawn {
                    job: self.order.clone(),
                });
            }
            Phase::Over { .. } => self.gone = true,
            _ => {}
        }
    }

    /// The cloud did not take the report.
    pub(crate) fn report_failed(
        &mut self,
        now: Millis,
        status: JobStatus,
        failure: &CloudFailure,
        jitter: &mut Jitter,
        out: &mut Vec<Effect>,
    ) {
        self.report.in_flight = false;
        let since = self.report.unheard_since.unwrap_or(now);
        self.report.unheard_since = failure.status.is_none().then_some(since);
        if status != self.report.status && !failure.is_inactive() {
            return;
        }
        self.report.not_found = if failure.status == Some(404) {
            self.report.not_found + 1
        } else {
            0
        };
        let unknown = failure.status == Some(404)
            && (self.report.not_found >= NOT_FOUND_LIMIT
                || matches!(self.phase, Phase::Accepting { .. } | Phase::Over { .. }));
        if failure.is_inactive() || unknown {
            self.dropped(now, failure, out);
            return;
        }
        if failure.is_ahead() && status == JobStatus::Accepted {
            if matches!(self.phase, Phase::Accepting { .. }) {
                // Somebody else runs it; our machine never started it.
                self.gone = true;
            } else {
                self.phase = match &self.phase {
                    Phase::Starting { .. } => Phase::Running,
                    other => other.clone(),
                };
                self.tell(now, JobStatus::Running, None);
            }
            return;
        }
        self.report.failures += 1;
        let hint = retry_hint(Step::Report, failure).unwrap_or(0);
        self.report.due = now
            + jitter
                .backoff(self.report.failures)
                .max(jitter.spread(hint));
    }

    fn dropped(&mut self, now: Millis, failure: &CloudFailure, out: &mut Vec<Effect>) {
        let id = self.id();
        out.push(log(
            LogLevel::Info,
            format!("the cloud no longer wants job_id={id}: {}", failure.message),
        ));
        match self.phase {
            Phase::Spawning => self.stop_when_spawned = Some(Why::Dropped),
            Phase::Starting { .. } | Phase::Running => self.stop(now, Why::Dropped, out),
            Phase::Stopping { ref mut why, .. } => *why = Why::Dropped,
            _ => {
                self.forget(out);
                self.gone = true;
            }
        }
    }

    /// Nothing of the job is to stay on this machine.
    fn forget(&self, out: &mut Vec<Effect>) {
        out.push(Effect::ForgetPeer { job_id: self.id() });
        out.push(Effect::EndKernel { job_id: self.id() });
    }

    /// The agent ends: so does the job.
    pub(crate) fn shut_down(&mut self, now: Millis, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Spawning => self.stop_when_spawned = Some(Why::Shutdown),
            Phase::Starting { .. } | Phase::Running => self.stop(now, Why::Shutdown, out),
            Phase::Accepting { .. } if self.report.in_flight => {
                self.over(
                    now,
                    JobStatus::Failed,
                    Some("The workstation agent was stopped".into()),
                    out,
                );
            }
            Phase::Respawning { .. } => {
                self.over(
                    now,
                    JobStatus::Failed,
                    Some("The workstation agent was stopped".into()),
                    out,
                );
            }
            Phase::Accepting { .. } | Phase::Inspecting { .. } => self.gone = true,
            Phase::Stopping { .. } | Phase::Over { .. } => {}
        }
    }

    fn stop(&mut self, now: Millis, why: Why, out: &mut Vec<Effect>) {
        out.push(Effect::Terminate { job_id: self.id() });
        self.phase = Phase::Stopping {
            why,
            since: now,
            killed: None,
        };
    }

    fn over(
        &mut self,
        now: Millis,
        status: JobStatus,
        message: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let id = self.id();
        self.forget(out);
        let (level, text) = match &message {
            Some(text) => (LogLevel::Warn, format!("job_id={id} failed: {text}")),
            None => (LogLevel::Info, format!("job_id={id} completed")),
        };
        out.push(log(level, text));
        self.phase = Phase::Over { since: now };
        self.tell(now, status, message);
    }

    fn tell(&mut self, now: Millis, status: JobStatus, message: Option<String>) {
        self.report.tell(now, status, message);
    }

    fn reports(&self) -> bool {
        !self.report.in_flight
            && !self.gone
            && self.stop_when_spawned != Some(Why::Dropped)
            && !matches!(
                self.phase,
                Phase::Inspecting { .. }
                    | Phase::Stopping {
                        why: Why::Dropped,
                        ..
                    }
            )
    }

    /// Does what is due; `quiet_until` holds back the periodic reports, never the news.
    pub(crate) fn advance(
        &mut self,
        now: Millis,
        config: &AgentConfig,
        quiet_until: Millis,
        out: &mut Vec<Effect>,
    ) {
        match &mut self.phase {
            Phase::Starting { since } if !self.served && now >= *since + config.ready_ms => {
                self.stop(now, Why::NeverReady, out);
            }
            Phase::Respawning { at } if now >= *at => {
                self.phase = Phase::Spawning;
                out.push(Effect::Spawn {
                    job: self.order.clone(),
                });
            }
            Phase::Stopping {
                since,
                killed: killed @ None,
                ..
            } if now >= *since + config.grace_ms => {
                *killed = Some(now);
                let job_id = self.order.job_id.clone();
                out.push(Effect::Kill { job_id });
            }
            Phase::Stopping {
                killed: Some(at), ..
            } if now >= *at + AFTER_KILL_MS => {
                let unseen = PeerExit {
                    unseen: true,
                    ..PeerExit::default()
                };
                self.exited(now, &unseen, config, out);
            }
            Phase::Accepting { since } if now >= *since + ACCEPT_MS && !self.report.in_flight => {
                out.push(log(
                    LogLevel::Warn,
                    format!("gave up accepting job_id={}", self.order.job_id),
                ));
                self.gone = true;
            }
            Phase::Over { since } if now >= *since + OUTBOX_MS => {
                out.push(log(
                    LogLevel::Warn,
                    format!("gave up reporting job_id={}", self.order.job_id),
                ));
                self.gone = true;
            }
            _ => {}
        }
        if self.reports() && now >= self.report.due_at(quiet_until) {
            self.report.in_flight = true;
            self.report.tried_at = now;
            out.push(Effect::Report {
                job_id: self.id(),
                status: self.report.status,
                error_message: self.report.message.clone(),
            });
        }
    }

    /// When something will be due.
    pub(crate) fn deadline(&self, config: &AgentConfig, quiet_until: Millis) -> Option<Millis> {
        let phase = match &self.phase {
            Phase::Starting { since } if !self.served => Some(since + config.ready_ms),
            Phase::Respawning { at } => Some(*at),
            Phase::Stopping {
                since,
                killed: None,
                ..
            } => Some(since + config.grace_ms),
            Phase::Stopping {
                killed: Some(at), ..
            } => Some(at + AFTER_KILL_MS),
            Phase::Accepting { since } if !self.report.in_flight => Some(since + ACCEPT_MS),
            Phase::Over { since } => Some(since + OUTBOX_MS),
            _ => None,
        };
        earlier(
            phase,
            self.reports().then(|| self.report.due_at(quiet_until)),
        )
    }
}

mod operator;
mod reach;
