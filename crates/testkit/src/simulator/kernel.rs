//! A kernel and its keeper, which outlives the runtime peer and keeps the journal.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;
use serde_json::{Value, json};
use session_core::{Channel, Event, JournalEntry, KernelInfo, KernelMessage};

use super::world::{Action, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum KernelState {
    #[default]
    None,
    Starting,
    Running,
}

/// What the keeper does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Launched,
    Message,
}

#[derive(Debug, Clone)]
pub(super) enum Note {
    Message(Box<JournalEntry>),
    Started(u64),
    Died(u64),
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) position: u64,
    end: u64,
    pub(super) note: Note,
}

/// A message the kernel will write: parent, channel, type, content.
type Planned = (String, Channel, &'static str, Value);

#[derive(Default)]
pub(super) struct Keeper {
    pub(super) journal: Vec<Record>,
    pub(super) state: KernelState,
    pub(super) generation: u64,
    /// Where a new peer reads on.
    pub(super) persisted: u64,
    pub(super) runs: BTreeMap<String, u32>,
    /// What each execution printed.
    pub(super) printed: BTreeMap<String, String>,
    todo: VecDeque<Planned>,
    count: u64,
}

pub(super) fn info() -> KernelInfo {
    KernelInfo {
        name: "python3".into(),
        language: "python".into(),
        env_source: "current".into(),
    }
}

/// Returns the lines an execution prints.
fn lines(execution: &str) -> Vec<String> {
    let many = execution.bytes().map(usize::from).sum::<usize>() % 7;
    (0..many)
        .map(|line| format!("{execution} line {line}\n"))
        .collect()
}

impl Keeper {
    /// What an adopting session hears first.
    pub(super) fn news(&self) -> Option<Event> {
        (self.state == KernelState::Running).then(|| Event::KernelReady(info()))
    }

    fn write(&mut self, make: impl FnOnce(u64, u64) -> Note) {
        let position = self.journal.last().map_or(8, |record| record.end);
        let end = position + 100;
        let note = make(position, end);
        self.journal.push(Record {
            position,
            end,
            note,
        });
    }

    /// Takes a message; returns whether there is something to do now and was nothing before.
    fn take(&mut self, message: &KernelMessage) -> bool {
        if message.msg_type != "execute_request" || self.state != KernelState::Running {
            return false;
        }
        let idle = self.todo.is_empty();
        let id = message.msg_id.clone();
        *self.runs.entry(id.clone()).or_default() += 1;
        self.count += 1;
        let mut put = |channel, kind, content| {
            self.todo.push_back((id.clone(), channel, kind, content));
        };
        put(Channel::Sent, "execute_request", Value::Null);
        let (count, raises) = (
            self.count,
            message.content["code"]
                .as_str()
                .is_some_and(|code| code.contains("raise")),
        );
        put(Channel::Iopub, "status", json!({"execution_state": "busy"}));
        put(
            Channel::Iopub,
            "execute_input",
            json!({"execution_count": count}),
        );
        for line in lines(&id) {
            put(
                Channel::Iopub,
                "stream",
                json!({"name": "stdout", "text": line}),
            );
        }
        self.todo.extend(ending(&id, raises));
        idle
    }

    /// Ends the running execution as Ctrl-C does.
    fn interrupt(&mut self) {
        let Some((id, ..)) = self.todo.front() else {
            return;
        };
        let id = id.clone();
        self.todo.clear();
        self.todo.extend(ending(&id, true));
    }

    /// Writes the next message into the journal; returns whether more follow.
    fn step(&mut self) -> bool {
        if let Some((parent, channel, kind, content)) = self.todo.pop_front() {
            if let Some(text) = content["text"].as_str() {
                self.printed
                    .entry(parent.clone())
                    .or_default()
                    .push_str(text);
            }
            self.write(|position, end| {
                Note::Message(Box::new(JournalEntry {
                    position,
                    end,
                    channel,
                    msg_type: kind.to_owned(),
                    parent_msg_id: Some(parent),
                    header: json!({"msg_id": format!("k{position}")}),
                    content,
                    buffers: Vec::new(),
                }))
            });
        }
        !self.todo.is_empty()
    }

    pub(super) fn stop(&mut self) {
        self.state = KernelState::None;
        self.todo.clear();
    }
}

fn ending(id: &str, raises: bool) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut put = |channel, kind, content| planned.push((id.to_owned(), channel, kind, content));
    let status = if raises { "error" } else { "ok" };
    if raises {
        let content = json!({"ename": "E", "evalue": "v", "traceback": ["t"]});
        put(Channel::Iopub, "error", content);
    }
    put(Channel::Shell, "execute_reply", json!({"status": status}));
    put(Channel::Iopub, "status", json!({"execution_state": "idle"}));
    planned
}

impl World {
    pub(super) fn kernel_starts(&mut self, job: &str) {
        let Some(keeper) = self.keepers.get_mut(job) else {
            return;
        };
        if keeper.state != KernelState::None {
            self.broken = Some("a kernel is started beside another".into());
            return;
        }
        keeper.state = KernelState::Starting;
        keeper.generation += 1;
        let (generation, delay) = (keeper.generation, self.rng.random_range(5..300));
        let (job, step) = (job.to_owned(), Step::Launched);
        self.at(
            delay,
            Action::Keeper {
                job,
                generation,
                step,
            },
        );
    }

    pub(super) fn kernel_takes(&mut self, job: &str, message: &KernelMessage) {
        if let Some(keeper) = self.keepers.get_mut(job)
            && keeper.take(message)
        {
            self.plan_step(job);
        }
    }

    pub(super) fn kernel_interrupted(&mut self, job: &str) {
        if let Some(keeper) = self.keepers.get_mut(job) {
            keeper.interrupt();
        }
    }

    fn plan_step(&mut self, job: &str) {
        let delay = self.rng.random_range(1..60);
        let generation = self.keepers[job].generation;
        let (job, step) = (job.to_owned(), Step::Message);
        self.at(
            delay,
            Action::Keeper {
                job,
                generation,
                step,
            },
        );
    }

    pub(super) fn keeper_step(&mut self, job: &str, generation: u64, step: Step) {
        let Some(keeper) = self.keepers.get_mut(job) else {
            return;
        };
        if keeper.generation != generation || keeper.state == KernelState::None {
            return;
        }
        match step {
            Step::Launched => {
                keeper.state = KernelState::Running;
                keeper.write(|_, _| Note::Started(generation));
            }
            Step::Message => {
                if keeper.step() {
                    self.plan_step(job);
                }
            }
        }
        self.journal_grew(job);
    }

    pub(super) fn kill_some_kernel(&mut self, some: usize) {
        let running: Vec<String> = self
            .keepers
            .iter()
            .filter(|(_, keeper)| keeper.state == KernelState::Running)
            .map(|(job, _)| job.clone())
            .collect();
        if running.is_empty() {
            return;
        }
        let job = &running[some % running.len()];
        if let Some(keeper) = self.keepers.get_mut(job) {
            let generation = keeper.generation;
            keeper.stop();
            keeper.write(|_, _| Note::Died(generation));
        }
        self.journal_grew(job);
    }
}
