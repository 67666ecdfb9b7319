//! What the kernel uses and whether it answers, told to the room now and then.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::keeper::KeeperRecord;
use kernel::protocol::{KernelState, Status};
use meter::{Processes, gpu_memory_by_process};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use wire::UnixMs;
use wire::presence::KernelUse;

use crate::keeper_control::KeeperOrder;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Looks between two at the memory on devices: their tool is slow.
const LOOKS_PER_GPU: u32 = 6;
/// How often at least is told what has not changed much.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// How long the keeper may take to say how it is.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Changes below this are not worth a message.
const CPU_STEP: f64 = 2.0;
const MEMORY_STEP: u64 = 4 * 1024 * 1024;

/// The task that looks; dropping it ends it.
#[derive(Debug)]
pub(crate) struct KernelWatch {
    /// What is worth telling.
    pub(crate) news: mpsc::Receiver<KernelUse>,
    again: Arc<Notify>,
    task: JoinHandle<()>,
}

impl KernelWatch {
    /// Looks at the job's keeper and all below it.
    pub(crate) fn start(job_dir: PathBuf, orders: mpsc::Sender<KeeperOrder>) -> Self {
        let (tell, news) = mpsc::channel(1);
        let again = Arc::new(Notify::new());
        let task = tokio::spawn(watch(job_dir, orders, tell, Arc::clone(&again)));
        Self { news, again, task }
    }

    /// Somebody came who knows nothing yet.
    pub(crate) fn tell_again(&self) {
        self.again.notify_one();
    }
}

impl Drop for KernelWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(
    job_dir: PathBuf,
    orders: mpsc::Sender<KeeperOrder>,
    tell: mpsc::Sender<KernelUse>,
    again: Arc<Notify>,
) {
    let Some(mut processes) = Processes::new() else {
        return;
    };
    let mut told: Option<(Instant, KernelUse)> = None;
    let mut gpu = None;
    let mut looks = 0;
    loop {
        let is_asked = tokio::select! {
            () = sleep(LOOK_EVERY) => false,
            () = again.notified() => true,
        };
        let Some(status) = ask(&orders)
            .await
            .filter(|status| status.kernel == KernelState::Running)
        else {
            told = None;
            continue;
        };
        let Some(keeper) = KeeperRecord::read_alive(&job_dir) else {
            continue;
        };
        if looks % LOOKS_PER_GPU == 0 {
            gpu = gpu_memory_by_process().await;
        }
        looks += 1;
        let root = u32::try_from(keeper.process.pid).unwrap_or_default();
        let used = processes
            .look(&[&[root]], gpu.as_ref())
            .first()
            .copied()
            .unwrap_or_default();
        let now = KernelUse {
            cpu_percent: used.cpu_percent,
            memory_bytes: used.memory_bytes,
            gpu_memory_bytes: used.gpu_memory_bytes,
            unresponsive_since: status.unresponsive_since_ms.map(UnixMs),
        };
        let is_news = told
            .as_ref()
            .is_none_or(|(at, before)| at.elapsed() >= TELL_EVERY || differs(before, &now));
        // A loop that is behind hears of it the next time.
        if (is_asked || is_news) && tell.try_send(now.clone()).is_ok() {
            told = Some((Instant::now(), now));
        }
    }
}

async fn ask(orders: &mpsc::Sender<KeeperOrder>) -> Option<Status> {
    let (answer, answered) = oneshot::channel();
    orders.try_send(KeeperOrder::Look(answer)).ok()?;
    timeout(ANSWER_WAIT, answered).await.ok()?.ok()
}

fn differs(before: &KernelUse, now: &KernelUse) -> bool {
    let cpu = match (before.cpu_percent, now.cpu_percent) {
        (Some(before), Some(now)) => (before - now).abs() >= CPU_STEP,
        (before, now) => before.is_some() != now.is_some(),
    };
    cpu || before.memory_bytes.abs_diff(now.memory_bytes) >= MEMORY_STEP
        || before.gpu_memory_bytes != now.gpu_memory_bytes
        || before.unresponsive_since != now.unresponsive_since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_hardly_changed_is_not_told() {
        let before = KernelUse {
            cpu_percent: Some(1.0),
            memory_bytes: 100 << 20,
            ..KernelUse::default()
        };
        let with = |change: fn(&mut KernelUse)| {
            let mut now = before.clone();
            change(&mut now);
            differs(&before, &now)
        };
        assert!(!with(|now| now.cpu_percent = Some(2.9)));
        assert!(!with(|now| now.memory_bytes += 1 << 20));
        assert!(with(|now| now.cpu_percent = Some(50.0)));
        assert!(with(|now| now.cpu_percent = None));
        assert!(with(|now| now.memory_bytes -= 8 << 20));
        assert!(with(|now| now.unresponsive_since = Some(UnixMs(1))));
    }
}
