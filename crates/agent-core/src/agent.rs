//! The agent: steps towards the cloud, the table of jobs, shutdown.

use std::collections::{BTreeMap, BTreeSet};

use crate::backoff::Jitter;
use crate::cooldown::{Step, bounded, cooldown_wait, retry_hint};
use crate::events_link::EventsLink;
use crate::job::Job;
use crate::message::{earlier, log};
use crate::{
    AgentConfig, CloudFailure, Effect, Event, JobList, LinkEvent, LocalPeer, LogLevel, Millis,
    StopPolicy,
};

/// Least time between two polls, however many wake-ups arrive.
const POLL_SPACING_MS: Millis = 250;
/// Exit code of an agent whose credential the cloud rejects for good.
pub const CREDENTIAL_REJECTED: u8 = 77;
/// Wait after a rejected credential.
const REJECTED_MS: Millis = 60_000;
/// Wait before a second opinion when the cloud says that it does not know the credential.
const SECOND_OPINION_MS: Millis = 2_000;
/// What the operator reads when the agent ends because of its credential.
const REJECTED: &str = "the cloud no longer accepts this workstation's credential: it was revoked or replaced\n\
                        Hint: pair this machine again with `runt workstation connect`";
/// How long peers may take to end when the agent ends.
const STOP_MS: Millis = 20_000;
/// How long their ends may take to be reported after that.
const FLUSH_MS: Millis = 5_000;
/// How long what was found of the machine's devices counts (WS 3.6).
const DEVICES_FOR_MS: Millis = 300_000;
/// Longest wait between registrations while the cloud cannot be reached and jobs are here: a cloud that hears nothing for its
/// lease, three minutes, ends them.
const REGISTER_CAP_MS: Millis = 10_000;
/// Most ids that are remembered in order to warn about them once.
const WARNED_LIMIT: usize = 1_000;
/// A workstation that the cloud did not know polls again as soon as it has registered, so often in a row.
const UNKNOWN_POLLS: u32 = 3;

/// A repeated call to the cloud.
#[derive(Debug, Default)]
struct Periodic {
    due: Millis,
    in_flight: bool,
    /// Failures in a row that carried a hint.
    hinted: u32,
    /// Failures in a row without, and when they began.
    plain: u32,
    failing_since: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Working,
    Stopping { since: Millis, rejected: bool },
    Done,
}

/// The workstation agent.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    jitter: Jitter,
    mode: Mode,
    jobs: BTreeMap<String, Job>,
    /// What earlier agents left, until a complete list of the cloud says which of it is over.
    left_behind: Vec<String>,
    register: Periodic,
    poll: Periodic,
    reports_hinted: u32,
    registered: bool,
    /// Whether a registration was answered, be it by a failure: jobs wait for no more than that.
    answered: bool,
    /// What the registration under way says is out of date already.
    register_again: bool,
    /// When the machine was last asked for its devices.
    looked_at: Option<Millis>,
    poll_wanted: bool,
    last_poll: Option<Millis>,
    cooldown_until: Millis,
    /// Whether the last failed call was not answered at all, and no call succeeded since.
    unreached: bool,
    /// When a call succeeded last, when one did after an outage, and when one did last before that.
    heard_at: Millis,
    reached_at: Millis,
    heard_before: Millis,
    rejected_since: Option<Millis>,
    not_recognized_at: Option<Millis>,
    /// The last failure while no call succeeded since.
    trouble: Option<String>,
    link: EventsLink,
    warned: BTreeSet<String>,
}

impl Agent {
    /// An agent that has done nothing yet; the first [`Event::Tick`] makes it register.
    pub fn new(config: AgentConfig) -> Self {
        Self {
            jitter: Jitter::new(config.seed),
            config,
            mode: Mode::Working,
            jobs: BTreeMap::new(),
            left_behind: Vec::new(),
            register: Periodic::default(),
            poll: Periodic::default(),
            reports_hinted: 0,
            registered: false,
            answered: false,
            register_again: false,
            looked_at: None,
            poll_wanted: true,
            last_poll: None,
            cooldown_until: 0,
            unreached: false,
            heard_at: 0,
            reached_at: 0,
            heard_before: 0,
            rejected_since: None,
            not_recognized_at: None,
            trouble: None,
            link: EventsLink::new(),
            warned: BTreeSet::new(),
        }
    }

    /// Takes an event and says what to do.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.mode == Mode::Done {
            return out;
        }
        match event {
            Event::Tick => {}
            Event::LeftBehind { job_ids } => self.left_behind = job_ids,
            Event::Registered(result) => self.on_registered(now, result, &mut out),
            Event::Polled(result) => self.on_polled(now, result, &mut out),
            Event::Reported {
                job_id,
                status,
                result,
            } => {
                let failure = result.err();
                self.note_report(now, failure.as_ref(), &mut out);
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    match &failure {
                        None => job.reported(now, status, &self.config, &mut out),
                        Some(f) => job.report_failed(now, status, f, &mut self.jitter, &mut out),
                    }
                }
            }
            Event::Link(event) => self.on_link(now, &event, &mut out),
            Event::Inspected { job_id, found } => {
                let foreign = found == LocalPeer::Foreign;
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.inspected(now, found, &self.config, &mut out);
                }
                if foreign && self.warn_once(&job_id) {
                    let text =
                        format!("job_id={job_id} was started on another machine; leaving it alone");
                    out.push(log(LogLevel::Warn, text));
                }
            }
            Event::Spawned { job_id, result } => {
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.spawned(now, result, &mut out);
                }
            }
            Event::PeerReady { job_id } => {
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.ready(now);
                }
            }
            Event::Kernel { job_id, state } => {
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.kernel_is(state);
                }
            }
            Event::PeerExited { job_id, exit } => {
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.exited(now, &exit, &self.config, &mut out);
                }
            }
            Event::Storage(trouble) => self.on_storage(now, trouble, &mut out),
            Event::FactsChanged => {
                self.register_again = self.register.in_flight;
                self.register_soon(now);
            }
            Event::StopRequested => self.on_stop(now, &mut out),
        }
        self.advance(now, &mut out);
        out
    }

    /// When the agent wants its next [`Event::Tick`], if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Millis> {
        let quiet = self.cooldown_until;
        let jobs = self
            .jobs
            .values()
            .filter_map(|job| job.deadline(&self.config, quiet))
            .min();
        match self.mode {
            Mode::Done => None,
            Mode::Stopping { since, .. } => {
                let end = since + STOP_MS;
                earlier(
                    jobs,
                    Some(if self.has_processes() {
                        end
                    } else {
                        end + FLUSH_MS
                    }),
                )
            }
            Mode::Working => {
                let register = (!self.register.in_flight).then(|| self.register.due.max(quiet));
                let poll = (self.answered && !self.poll.in_flight)
                    .then(|| self.poll_at())
                    .flatten();
                let poll = poll.map(|at| at.max(quiet));
                let link = self.answered.then(|| self.link.deadline()).flatten();
                earlier(earlier(jobs, register), earlier(poll, link))
            }
        }
    }

    /// Number of jobs in the table, over ones that are still being reported included.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    fn on_registered(
        &mut self,
        now: Millis,
        result: Result<(), CloudFailure>,
        out: &mut Vec<Effect>,
    ) {
        self.register.in_flight = false;
        self.answered = true;
        match result {
            Ok(()) => {
                if !self.registered {
                    out.push(log(LogLevel::Info, "registered with the cloud"));
                }
                self.registered = true;
                self.register.due = now + self.config.heartbeat_ms;
                (self.register.hinted, self.register.plain) = (0, 0);
                if std::mem::take(&mut self.register_again) {
                    self.register_soon(now);
                }
                // Polls that failed because the cloud did not know the workstation may work now.
                if (1..=UNKNOWN_POLLS).contains(&self.poll.hinted) {
                    self.poll.due = self.poll.due.min(now);
                }
                self.reached(now);
                self.accepted_credential();
            }
            Err(failure) => self.step_failed(now, Step::Register, &failure, out),
        }
    }

    fn on_polled(
        &mut self,
        now: Millis,
        result: Result<JobList, CloudFailure>,
        out: &mut Vec<Effect>,
    ) {
        self.poll.in_flight = false;
        let JobList {
            jobs,
            mut skipped,
            is_whole,
        } = match result {
            Ok(polled) => polled,
            Err(failure) => return self.step_failed(now, Step::Poll, &failure, out),
        };
        self.poll.due = now + self.config.poll_ms;
        (self.poll.hinted, self.poll.plain) = (0, 0);
        self.reached(now);
        self.accepted_credential();
        // No address of the API names such a job (RFC 3986, 5.2.4): not even its refusal could be told.
        let (unnameable, jobs): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|order| matches!(order.job_id.as_str(), "." | ".."));
        skipped.extend(unnameable.into_iter().map(|order| order.job_id));
        for id in &skipped {
            if self.warn_once(id) {
                out.push(log(
                    LogLevel::Warn,
                    format!("skipped an attach job that cannot be read: {id}"),
                ));
            }
        }
        if self.mode != Mode::Working {
            return;
        }
        if is_whole {
            for id in std::mem::take(&mut self.left_behind) {
                let is_listed =
                    jobs.iter().any(|order| order.job_id == id) || skipped.contains(&id);
                if !is_listed && !self.jobs.contains_key(&id) {
                    self.jobs.insert(id.clone(), Job::left_behind(id, now, out));
                }
            }
            for (id, job) in &mut self.jobs {
                if !jobs.iter().any(|order| order.job_id == *id) {
                    job.doubt(now);
                }
            }
        }
        for order in jobs {
            if self.jobs.contains_key(&order.job_id) {
                continue;
            }
            let id = order.job_id.clone();
            let job = if order.status == "pending" {
                let active = self.jobs.values().filter(|job| !job.is_over()).count();
                match self.config.admission.refusal(&order, active) {
                    Some(reason) => Job::refused(order, reason, now, out),
                    None => Job::pending(order, now),
                }
            } else {
                Job::listed(order, now, out)
            };
            self.jobs.insert(id, job);
        }
    }

    fn on_link(&mut self, now: Millis, event: &LinkEvent, out: &mut Vec<Effect>) {
        self.link.handle(now, event, &mut self.jitter);
        match event {
            LinkEvent::Opened | LinkEvent::AttachJobs => {
                self.poll_wanted = true;
                self.reached(now);
            }
            LinkEvent::WentOffline => self.register_soon(now),
            LinkEvent::Failed(failure) => {
                let text = format!(
                    "the event socket is down, polling instead: {}",
                    failure.message
                );
                out.push(log(LogLevel::Warn, text));
                self.note_rejection(now, failure, out);
            }
            LinkEvent::Traffic | LinkEvent::Closed => {}
        }
    }

    /// At most once a second, and a failure's own wait stays.
    fn register_soon(&mut self, now: Millis) {
        if self.register.plain == 0 && self.register.hinted == 0 {
            self.register.due = self.register.due.min(now + 1_000);
        }
    }

    fn on_stop(&mut self, now: Millis, out: &mut Vec<Effect>) {
        if self.mode != Mode::Working {
            return self.exit(
                130,
                Some("asked twice to stop; peers may still run".to_owned()),
                out,
            );
        }
        if self.config.on_stop == StopPolicy::Detach && !self.config.is_first {
            return self.leave_peers(out);
        }
        if self.link.is_open() {
            out.push(Effect::CloseLink);
        }
        self.end_peers(now, false, out);
    }

    /// Ends; peers and kernels live on.
    fn leave_peers(&mut self, out: &mut Vec<Effect>) {
        if self.link.is_open() {
            out.push(Effect::CloseLink);
        }
        self.exit(0, None, out);
    }

    fn end_peers(&mut self, now: Millis, rejected: bool, out: &mut Vec<Effect>) {
        self.mode = Mode::Stopping {
            since: now,
            rejected,
        };
        for job in self.jobs.values_mut() {
            job.shut_down(now, out);
        }
    }

    /// A step failed: when it comes again, and whether everything pauses.
    fn step_failed(
        &mut self,
        now: Millis,
        step: Step,
        failure: &CloudFailure,
        out: &mut Vec<Effect>,
    ) {
        self.trouble = Some(failure.message.clone());
        self.unreached = failure.status.is_none();
        let has_jobs = self.has_processes();
        let (what, periodic) = match step {
            Step::Register => ("registering", &mut self.register),
            _ => ("polling", &mut self.poll),
        };
        let text = format!("{what} failed: {}", failure.message);
        out.push(log(LogLevel::Warn, text));
        if let Some(hint) = retry_hint(step, failure) {
            periodic.hinted += 1;
            let wait = cooldown_wait(hint, periodic.hinted, self.jitter.unit());
            let wait = bounded(wait, has_jobs, failure);
            periodic.due = now + wait;
            if failure.is_unknown_workstation() {
                // Registering makes it known; being silent would not.
                self.register.due = self.register.due.min(now);
            } else {
                self.cooldown_until = self.cooldown_until.max(now + wait);
            }
        } else {
            if periodic.plain == 0 {
                periodic.failing_since = now;
            }
            periodic.plain += 1;
            let wait = match failure.status {
                Some(401 | 403) => self.jitter.spread(REJECTED_MS),
                None if step == Step::Register && has_jobs => {
                    let wait = self.jitter.backoff(periodic.plain);
                    wait.min(self.jitter.spread(REGISTER_CAP_MS))
                }
                _ => self.jitter.backoff(periodic.plain),
            };
            periodic.due = now + wait;
        }
        if step == Step::Poll {
            self.poll_wanted = false;
        }
        self.note_rejection(now, failure, out);
    }

    fn note_report(&mut self, now: Millis, failure: Option<&CloudFailure>, out: &mut Vec<Effect>) {
        let Some(failure) = failure else {
            self.reports_hinted = 0;
            self.reached(now);
            self.accepted_credential();
            return;
        };
        if !failure.is_inactive() && !failure.is_ahead() {
            out.push(log(
                LogLevel::Warn,
                format!("reporting a job failed: {}", failure.message),
            ));
        }
        if let Some(hint) = retry_hint(Step::Report, failure) {
            self.reports_hinted += 1;
            let wait = cooldown_wait(hint, self.reports_hinted, self.jitter.unit());
            let wait = bounded(wait, self.has_processes(), failure);
            self.cooldown_until = self.cooldown_until.max(now + wait);
        }
        self.unreached = failure.status.is_none();
        self.note_rejection(now, failure, out);
    }

    fn accepted_credential(&mut self) {
        self.rejected_since = None;
        self.not_recognized_at = None;
        self.trouble = None;
    }

    /// A rejected credential: once is told, twice "not recognized" or long enough rejected ends the agent.
    fn note_rejection(&mut self, now: Millis, failure: &CloudFailure, out: &mut Vec<Effect>) {
        if !failure.is_unauthorized()
            && (self.rejected_since.is_none() || failure.status != Some(429))
        {
            return;
        }
        let since = *self.rejected_since.get_or_insert_with(|| {
            let text = "the cloud rejects this workstation's credential; it may have been revoked";
            out.push(log(LogLevel::Error, text));
            now
        });
        let too_long = now.saturating_sub(since) >= self.config.rejected_ms;
        let mut certain = false;
        if failure.is_not_recognized() {
            let first = *self.not_recognized_at.get_or_insert(now);
            certain = now.saturating_sub(first) >= 1_000;
            // Ask once more soon instead of in a minute.
            let soon = now + SECOND_OPINION_MS;
            self.register.due = self.register.due.min(soon);
            self.poll.due = self.poll.due.min(soon);
        }
        if self.mode != Mode::Working {
            return;
        }
        if certain {
            // The owner took this machine's access away: its kernels end with it.
            self.end_peers(now, true, out);
        } else if too_long {
            self.exit(CREDENTIAL_REJECTED, Some(REJECTED.to_owned()), out);
        }
    }

    fn exit(&mut self, code: u8, message: Option<String>, out: &mut Vec<Effect>) {
        self.mode = Mode::Done;
        out.push(Effect::Exit { code, message });
    }

    /// Starts everything that is due.
    fn advance(&mut self, now: Millis, out: &mut Vec<Effect>) {
        if self.mode == Mode::Done {
            return;
        }
        for job in self.jobs.values_mut() {
            job.advance(now, &self.config, self.cooldown_until, out);
        }
        self.jobs.retain(|_, job| !job.is_gone());
        if let Mode::Stopping { since, rejected } = self.mode {
            let late =
                now >= since + STOP_MS + FLUSH_MS || now >= since + STOP_MS && self.has_processes();
            if rejected && (late || !self.has_processes()) {
                // Nobody takes reports any more.
                self.exit(CREDENTIAL_REJECTED, Some(REJECTED.to_owned()), out);
            } else if late || self.jobs.is_empty() {
                self.exit(0, None, out);
            }
            return;
        }
        if self.answered {
            self.link.advance(now, &mut self.jitter, out);
        }
        if now < self.cooldown_until {
            return;
        }
        if !self.register.in_flight && now >= self.register.due {
            self.register.in_flight = true;
            if self.looked_at.is_none_or(|at| now >= at + DEVICES_FOR_MS) {
                self.looked_at = Some(now);
                out.push(Effect::LookAtDevices);
            }
            out.push(Effect::Register);
        }
        if self.answered && !self.poll.in_flight && self.poll_at().is_some_and(|at| now >= at) {
            self.poll.in_flight = true;
            self.poll_wanted = false;
            self.last_poll = Some(now);
            out.push(Effect::Poll);
        }
    }

    fn has_processes(&self) -> bool {
        self.jobs.values().any(Job::has_process)
    }

    fn warn_once(&mut self, id: &str) -> bool {
        if self.warned.len() >= WARNED_LIMIT {
            self.warned.clear();
        }
        self.warned.insert(id.to_owned())
    }
}

mod orders;
mod reach;

#[cfg(test)]
mod tests;
