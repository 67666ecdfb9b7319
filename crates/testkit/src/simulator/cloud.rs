//! The control plane as far as a room and its agents see it: attach jobs, polls, reports.
//!
//! The table is durable at once; what follows from it for the room is not, as in the server.

use agent_core::{CloudFailure, JobOrder, LinkEvent};
use room::{AttachmentUpdate, ComputeOutcome, Event};
use wire::attachment::status;
use wire::close::{ATTACHMENT_SWITCHED, Close, RESTART_REQUESTED};
use wire::http::JobStatus;
use wire::{JobId, UnixMs, WorkstationAttachment};

use super::server::Held;
use super::world::{Action, NOTEBOOK, STATIONS, World};

/// A call of an agent.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Register,
    Poll,
    Report {
        job: String,
        status: JobStatus,
        message: Option<String>,
    },
    OpenSocket,
    Ping,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) station: usize,
    pub(super) status: JobStatus,
    message: Option<String>,
    updated: UnixMs,
}

#[derive(Debug, Default)]
pub(super) struct Cloud {
    pub(super) jobs: Vec<Job>,
}

/// What an attach request did.
struct Attached {
    job: Job,
    displaced: Vec<Job>,
}

impl Cloud {
    pub(super) fn active(&self) -> Option<&Job> {
        self.jobs.iter().find(|job| job.status.is_active())
    }

    /// Joins the active job of the station, or displaces what is active.
    fn attach(&mut self, station: usize, replace: bool, now: UnixMs) -> Attached {
        if let Some(active) = self.active()
            && active.station == station
            && !replace
        {
            let job = active.clone();
            return Attached {
                job,
                displaced: Vec::new(),
            };
        }
        let mut displaced = Vec::new();
        for job in self.jobs.iter_mut().filter(|job| job.status.is_active()) {
            job.status = JobStatus::Cancelled;
            job.message = Some("replaced by a newer workstation attach request".into());
            job.updated = now;
            displaced.push(job.clone());
        }
        let job = Job {
            id: format!("job-{}", self.jobs.len() + 1),
            station,
            status: JobStatus::Pending,
            message: None,
            updated: now,
        };
        self.jobs.push(job.clone());
        Attached { job, displaced }
    }

    /// Moves a job forward; repeating its status is a heartbeat.
    fn report(
        &mut self,
        id: &str,
        status: JobStatus,
        message: Option<String>,
        now: UnixMs,
    ) -> Option<Job> {
        let job = self.jobs.iter_mut().find(|job| job.id == id)?;
        if job.status.is_active() && job.status <= status {
            job.status = status;
            job.message = message;
            job.updated = now;
        }
        Some(job.clone())
    }

    pub(super) fn finish(&mut self, id: &str, failed: bool, now: UnixMs) {
        let status = if failed {
            JobStatus::Failed
        } else {
            JobStatus::Completed
        };
        self.report(id, status, None, now);
    }
}

/// Projects a job to the room's attachment, as the control plane does.
fn attachment(job: &Job) -> WorkstationAttachment {
    let (status, status_message) = match job.status {
        JobStatus::Pending | JobStatus::Accepted => {
            (status::CONNECTING, Some("waiting".to_owned()))
        }
        JobStatus::Running => (status::READY, None),
        JobStatus::Failed => (
            status::ERROR,
            job.message.clone().or(Some("failed".to_owned())),
        ),
        JobStatus::Completed | JobStatus::Cancelled => {
            (status::DISCONNECTED, Some(job.status.as_str().to_owned()))
        }
    };
    WorkstationAttachment {
        workstation_id: station_id(job.station),
        provider: "runtime_peer".into(),
        status: status.into(),
        status_message,
        updated_at: Some(job.updated.to_iso()),
        runtime_session_id: Some(job.id.clone()),
        ..WorkstationAttachment::default()
    }
}

pub(super) fn station_id(station: usize) -> String {
    format!("ws-{}", station + 1)
}

fn no_answer() -> CloudFailure {
    CloudFailure {
        message: "no answer".into(),
        ..CloudFailure::default()
    }
}

/// What the agent sees when a call gets no answer.
pub(super) fn lost(call: &Call) -> agent_core::Event {
    use agent_core::Event;
    match call {
        Call::Register => Event::Registered(Err(no_answer())),
        Call::Poll => Event::Polled(Err(no_answer())),
        Call::Report { job, status, .. } => Event::Reported {
            job_id: job.clone(),
            status: *status,
            result: Err(no_answer()),
        },
        Call::OpenSocket | Call::Ping => Event::Link(LinkEvent::Failed(no_answer())),
    }
}

impl World {
    /// An agent's call arrives.
    pub(super) fn cloud_takes(&mut self, station: usize, epoch: u64, call: Call) {
        use agent_core::Event;
        let lost = lost(&call);
        if self.room.is_none() {
            return self.answer_agent(station, epoch, lost);
        }
        let answer = match call {
            Call::Register => Event::Registered(Ok(())),
            Call::Poll => Event::Polled(Ok(agent_core::JobList {
                jobs: self.orders(station),
                skipped: Vec::new(),
                is_whole: true,
            })),
            Call::Report {
                job,
                status,
                message,
            } => Event::Reported {
                result: self.reported(&job, status, message),
                job_id: job,
                status,
            },
            Call::OpenSocket => {
                let station = &mut self.stations[station];
                if station.epoch == epoch {
                    station.socket = true;
                }
                Event::Link(LinkEvent::Opened)
            }
            Call::Ping => Event::Link(LinkEvent::Traffic),
        };
        self.hold(Held::Answer {
            station,
            epoch,
            answer: Box::new(answer),
            lost: Box::new(lost),
        });
    }

    fn orders(&self, station: usize) -> Vec<JobOrder> {
        self.cloud
            .jobs
            .iter()
            .filter(|job| job.station == station && job.status.is_active())
            .map(|job| JobOrder {
                job_id: job.id.clone(),
                notebook_id: NOTEBOOK.into(),
                status: job.status.as_str().into(),
                trigger: "user_attach".into(),
                ..JobOrder::default()
            })
            .collect()
    }

    fn reported(
        &mut self,
        id: &str,
        status: JobStatus,
        message: Option<String>,
    ) -> Result<(), CloudFailure> {
        let Some(job) = self.cloud.report(id, status, message, self.now) else {
            return Err(CloudFailure {
                status: Some(404),
                ..CloudFailure::default()
            });
        };
        if job.status != status {
            return Err(CloudFailure {
                status: Some(409),
                error: "workstation attach job is no longer active".into(),
                job_status: Some(job.status.as_str().into()),
                ..CloudFailure::default()
            });
        }
        self.publish(&job, None);
        Ok(())
    }

    /// A job that ended as the server died is over for the room that is loaded.
    pub(super) fn tell_of_ended_job(&mut self) {
        let expected = self.room.as_ref().and_then(room::Room::expected_job);
        let ended = self
            .cloud
            .jobs
            .iter()
            .find(|job| Some(job.id.as_str()) == expected.as_ref().map(JobId::as_str))
            .filter(|job| !job.status.is_active());
        let Some(job) = ended.map(|ended| self.cloud.active().unwrap_or(ended)) else {
            return;
        };
        let update = AttachmentUpdate {
            attachment: attachment(job),
            close_runtime_peers: None,
        };
        self.tell_room(Event::AttachmentPublished(Box::new(update)));
    }

    /// Tells the room how a job stands, and repairs it when the job is over for good.
    fn publish(&mut self, job: &Job, close_runtime_peers: Option<Close>) {
        self.tell_room(Event::AttachmentPublished(Box::new(AttachmentUpdate {
            attachment: attachment(job),
            close_runtime_peers,
        })));
        let over = matches!(job.status, JobStatus::Failed | JobStatus::Cancelled);
        let Some(room) = self.room.as_mut().filter(|_| over) else {
            return;
        };
        let reason = job.message.clone().unwrap_or_else(|| "over".into());
        let session = JobId::from(job.id.as_str());
        if let Ok((_, effects)) = room.repair(self.now, &reason, false, Some(&session)) {
            self.absorb(effects);
        }
    }

    /// The owner attaches a workstation.
    pub(super) fn attach(&mut self, station: usize, replace: bool) {
        let attached = self.cloud.attach(station, replace, self.now);
        let close = if replace {
            Some(RESTART_REQUESTED)
        } else if attached.displaced.iter().any(|job| job.station != station) {
            Some(ATTACHMENT_SWITCHED)
        } else {
            None
        };
        self.publish(&attached.job, close);
        self.notify(attached.displaced.iter().chain([&attached.job]));
    }

    /// The owner calls the active job off.
    pub(super) fn cancel_job(&mut self) {
        let Some(id) = self.cloud.active().map(|job| job.id.clone()) else {
            return;
        };
        let message = Some("called off".to_owned());
        if let Some(job) = self
            .cloud
            .report(&id, JobStatus::Cancelled, message, self.now)
        {
            self.publish(&job, None);
            self.notify([&job]);
        }
    }

    /// The room's question whether compute can come back.
    pub(super) fn resolve(&mut self, generation: u64, request: u64, station: usize) {
        if generation != self.generation {
            return;
        }
        let attached = self.cloud.attach(station, false, self.now);
        self.notify(attached.displaced.iter().chain([&attached.job]));
        let outcome = ComputeOutcome::Resumed(Box::new(attachment(&attached.job)));
        self.tell_room(Event::ComputeResolved { request, outcome });
    }

    fn notify<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>) {
        let stations: Vec<usize> = jobs.into_iter().map(|job| job.station).collect();
        for station in stations {
            if self.stations[station].socket {
                let epoch = self.stations[station].epoch;
                let event = agent_core::Event::Link(LinkEvent::AttachJobs);
                self.answer_agent(station, epoch, event);
            }
        }
    }

    /// The server is gone: so are the event sockets.
    pub(super) fn event_sockets_break(&mut self) {
        for station in 0..STATIONS {
            if std::mem::take(&mut self.stations[station].socket) {
                let epoch = self.stations[station].epoch;
                self.answer_agent(station, epoch, lost(&Call::Ping));
            }
        }
    }

    /// Sends an agent what it asked for, or news.
    pub(super) fn answer_agent(&mut self, station: usize, epoch: u64, event: agent_core::Event) {
        let delay = self.delay();
        self.at(
            delay,
            Action::ToAgent {
                station,
                epoch,
                event: Box::new(event),
            },
        );
    }
}
