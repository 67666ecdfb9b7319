//! What this machine and its jobs do now, told with each heartbeat.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meter::{Machine, Processes, gpu_memory_by_process, gpus};
use serde_json::Value;
use tokio::sync::Mutex;
use wire::UnixMs;
use wire::http::{JobUse, Utilisation};

use crate::job_folder::JobFolder;
use crate::local_jobs::living_peer;

/// Most jobs told of.
const MAX_JOBS: usize = 32;
/// Clocks that differ by more are worth a word.
pub const CLOCK_SKEW_LIMIT: Duration = Duration::from_secs(5);

/// What sets a clock.
pub const CLOCK_HINT: &str = "set the clock, for example with `timedatectl set-ntp true`";

/// Measures between one heartbeat and the next; cheap to clone.
// Async, since it is held while NVIDIA's tool answers: one look ends before the next, which counts from it.
#[derive(Debug, Clone)]
pub(crate) struct Live(Arc<Mutex<Meters>>);

#[derive(Debug)]
struct Meters {
    machine: Option<Machine>,
    /// There while jobs are.
    processes: Option<Processes>,
    agent_root: PathBuf,
}

impl Live {
    /// For the jobs below this folder; its disk is the one that counts.
    pub(crate) fn new(agent_root: PathBuf) -> Self {
        Self(Arc::new(Mutex::new(Meters {
            machine: Machine::new(),
            processes: None,
            agent_root,
        })))
    }

    /// What is used now; asks NVIDIA's tool only where there is something to ask.
    pub(crate) async fn look(&self, has_nvidia: bool) -> Utilisation {
        let mut meters = self.0.lock().await;
        let Meters {
            machine,
            agent_root,
            ..
        } = &mut *meters;
        let machine = machine.as_mut().map(|machine| machine.look(agent_root));
        let jobs = meters.jobs(has_nvidia).await;
        Utilisation {
            gpus: gpus(has_nvidia).await,
            jobs,
            ..machine.unwrap_or_default()
        }
    }
}

impl Meters {
    async fn jobs(&mut self, has_nvidia: bool) -> Vec<JobUse> {
        let served: Vec<(String, Option<String>, Vec<u32>)> = JobFolder::all(&self.agent_root)
            .filter_map(|folder| {
                let peer = living_peer(&folder).map(|process| process.pid);
                let roots: Vec<u32> = peer.into_iter().chain(folder.keeper_pid()).collect();
                let notebook = folder.note().map(|note| note.notebook_id);
                (!roots.is_empty()).then_some((folder.job_id()?, notebook, roots))
            })
            .take(MAX_JOBS)
            .collect();
        if served.is_empty() {
            self.processes = None;
            return Vec::new();
        }
        if self.processes.is_none() {
            self.processes = Processes::new();
        }
        let Some(processes) = &mut self.processes else {
            return Vec::new();
        };
        let gpu = if has_nvidia {
            gpu_memory_by_process().await
        } else {
            None
        };
        let roots: Vec<&[u32]> = served
            .iter()
            .map(|(_, _, roots)| roots.as_slice())
            .collect();
        let usage = processes.look(&roots, gpu.as_ref());
        let told = served
            .into_iter()
            .zip(usage)
            .map(|((job_id, notebook_id, _), usage)| JobUse {
                job_id,
                notebook_id,
                cpu_percent: usage.cpu_percent,
                memory_bytes: usage.memory_bytes,
                gpu_memory_bytes: usage.gpu_memory_bytes,
            });
        told.collect()
    }
}

/// How far this machine's clock is ahead of the cloud's, from the answer to a registration: what the cloud noted as "last
/// seen" lies between the two moments at which the request left and the answer came. Any cloud says it.
pub(crate) fn clock_skew(sent: SystemTime, got: SystemTime, answer: &Value) -> Option<i64> {
    let noted = answer.pointer("/workstation/last_seen_at")?;
    let noted: UnixMs = serde_json::from_value(noted.clone()).ok()?;
    let ms = |at: SystemTime| {
        let since = at.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    };
    let (sent, got) = (ms(sent)?, ms(got)?);
    Some(sent + (got - sent) / 2 - noted.0)
}

/// What a person is told of a clock that is off; `None` while it is about right.
pub fn clock_words(skew_ms: i64) -> Option<String> {
    let skew = Duration::from_millis(skew_ms.unsigned_abs());
    let word = if skew_ms > 0 { "ahead of" } else { "behind" };
    (skew > CLOCK_SKEW_LIMIT).then(|| {
        format!(
            "this machine's clock is {} s {word} the cloud's",
            skew.as_secs()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_measured_at_half_the_way_there_and_back() {
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        let answer =
            serde_json::json!({"workstation": {"last_seen_at": "1970-01-01T00:01:40.000Z"}});
        assert_eq!(clock_skew(at(99_000), at(101_000), &answer), Some(0));
        assert_eq!(clock_skew(at(109_900), at(110_100), &answer), Some(10_000));
        assert_eq!(clock_skew(at(40_000), at(40_000), &answer), Some(-60_000));
        for silent in [
            serde_json::json!({}),
            serde_json::json!({"workstation": {"last_seen_at": 5.5}}),
        ] {
            assert_eq!(clock_skew(at(1), at(2), &silent), None);
        }
        assert_eq!(clock_words(4_900), None);
        assert_eq!(
            clock_words(-61_000).unwrap(),
            "this machine's clock is 61 s behind the cloud's"
        );
        assert!(clock_words(7_000).unwrap().contains("7 s ahead of"));
    }
}
