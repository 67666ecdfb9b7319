//! The operator's orders to a running agent.

use super::{Agent, Mode};
use crate::control::{AgentStatus, Answer, Order};
use crate::{Effect, LogLevel, Millis, message::log};

impl Agent {
    /// Takes an order of the operator: the answer, and what to do.
    pub fn obey(&mut self, now: Millis, order: &Order) -> (Answer, Vec<Effect>) {
        let mut out = Vec::new();
        let refused = match order {
            Order::Status => None,
            _ if self.mode != Mode::Working => Some("the agent is ending".to_owned()),
            Order::Stop { job_id } => self.stop_job(now, job_id, &mut out),
            Order::StopAll => {
                out.push(log(LogLevel::Info, "the operator ends everything"));
                if self.link.is_open() {
                    out.push(Effect::CloseLink);
                }
                self.end_peers(now, false, &mut out);
                None
            }
            Order::HandOver => self.hand_over(&mut out),
            Order::Drain | Order::Undrain => {
                self.drain(now, *order == Order::Drain, &mut out);
                None
            }
        };
        if let Some(reason) = refused {
            return (Answer::Refused(reason), out);
        }
        self.advance(now, &mut out);
        (Answer::Ok(self.status()), out)
    }

    /// How the agent stands.
    pub fn status(&self) -> AgentStatus {
        AgentStatus {
            registered: self.registered,
            connected: self.link.is_open(),
            trouble: self.trouble.clone(),
            draining: self.config.admission.draining,
            stopping: self.mode != Mode::Working,
            allow: self.config.admission.allow.clone(),
            max_jobs: self.config.admission.max_jobs,
            storage: self.config.admission.storage.clone(),
            clock_skew_ms: None,
            jobs: self.jobs.values().map(crate::job::Job::line).collect(),
        }
    }

    /// The reason against it, if there is one.
    fn hand_over(&mut self, out: &mut Vec<Effect>) -> Option<String> {
        if self.config.is_first {
            return Some(
                "kernels would end with this agent: it is the first process of its container\n\
                 Hint: start the container anew when its kernels may end"
                    .to_owned(),
            );
        }
        let text = "the operator hands over: kernels live on for the next agent";
        out.push(log(LogLevel::Info, text));
        self.leave_peers(out);
        None
    }

    fn stop_job(&mut self, now: Millis, job_id: &str, out: &mut Vec<Effect>) -> Option<String> {
        let Some(job) = self.jobs.get_mut(job_id) else {
            return Some(format!("the agent does not serve a job {job_id}"));
        };
        out.push(log(
            LogLevel::Info,
            format!("the operator stops job_id={job_id}"),
        ));
        job.stop_by_operator(now, out);
        None
    }

    fn drain(&mut self, now: Millis, draining: bool, out: &mut Vec<Effect>) {
        if self.config.admission.draining == draining {
            return;
        }
        self.config.admission.draining = draining;
        out.push(log(
            LogLevel::Info,
            if draining {
                "draining: no new jobs are taken"
            } else {
                "taking new jobs again"
            },
        ));
        out.push(Effect::Draining { on: draining });
        self.tell_soon(now);
    }

    /// Whether anything can be stored here: what lives goes on, nothing new is taken.
    pub(super) fn on_storage(
        &mut self,
        now: Millis,
        trouble: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let known = &mut self.config.admission.storage;
        if known.is_some() != trouble.is_some() {
            out.push(match &trouble {
                Some(trouble) => log(LogLevel::Error, format!("no new jobs are taken: {trouble}")),
                None => log(LogLevel::Info, "there is space again: taking new jobs"),
            });
            *known = trouble;
            self.tell_soon(now);
        }
    }

    /// The panel is to know it now; a failure's own wait stays.
    fn tell_soon(&mut self, now: Millis) {
        if self.register.plain == 0 && self.register.hinted == 0 {
            self.register.due = self.register.due.min(now);
        }
    }
}
