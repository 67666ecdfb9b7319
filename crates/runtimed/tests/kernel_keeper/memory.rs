//! A kernel that takes more memory than it may, for real: what its owner is told.

use std::path::PathBuf;
use std::time::Duration;

use kernel::LaunchSpec;
use kernel::protocol::{Command, KeeperEvent};
use tokio::time::sleep;

use crate::job::Job;

/// More than ipykernel needs, less than the hog takes.
const LIMIT: u64 = 400 << 20;
const HOG: &str = "print('hungry', flush=True)\nhog = b'x' * 800_000_000";

/// A control group with a limit, of whichever kind this machine has.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    fn new() -> Option<Self> {
        let kinds = [
            ("/sys/fs/cgroup", "memory.max", "memory.swap.max", "0"),
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.swappiness",
                "0",
            ),
        ];
        kinds.into_iter().find_map(|(root, file, swap, none)| {
            let group = PathBuf::from(root).join(format!("runt-test-{}", std::process::id()));
            std::fs::create_dir(&group).ok()?;
            let made = Self(group);
            let limited = made.0.join(file).exists()
                && std::fs::write(made.0.join(file), LIMIT.to_string()).is_ok();
            if limited {
                // Where there is no swap there is no such file.
                let _ = std::fs::write(made.0.join(swap), none);
            }
            limited.then_some(made)
        })
    }

    fn take(&self, pid: i32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    async fn remove(self) {
        for _ in 0..500 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Removed already in the good case.
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_the_system_kills_for_its_memory_is_reported_as_such() {
    let Some(group) = MemoryGroup::new() else {
        println!("skipped: no control group with a memory limit can be made here");
        return;
    };
    let mut job = Job::start().await;
    group.take(job.keeper_pid());
    // The kernel that the keeper starts from now on is in the group too.
    job.client.request(Command::Restart).await.unwrap();
    job.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 2, .. }))
        .await;
    // It goes before its keeper.
    let chance = |pid: i32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse::<i32>().unwrap()
    };
    let kernel = job.client.status().await.unwrap().kernel_pid.unwrap();
    assert!(chance(kernel) > chance(job.keeper_pid()));
    job.execute("hog", HOG).await;
    let died = job
        .event(|event| matches!(event, KeeperEvent::KernelDied { .. }))
        .await;
    let KeeperEvent::KernelDied { exit, .. } = died else {
        panic!("{died:?}")
    };
    assert!(exit.out_of_memory, "{exit:?}");
    assert_eq!(
        exit.to_string(),
        "out of memory: the system killed it with signal 9"
    );
    // A kernel that somebody kills is not taken for one that ran out of memory.
    let spec = Box::new(Job::spec());
    job.client.request(Command::Start { spec }).await.unwrap();
    job.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 3, .. }))
        .await;
    job.kill_kernel().await;
    let killed = job
        .event(|event| matches!(event, KeeperEvent::KernelDied { generation: 3, .. }))
        .await;
    assert!(
        matches!(killed, KeeperEvent::KernelDied { exit, .. } if !exit.out_of_memory),
        "{killed:?}"
    );
    job.shutdown().await;
    group.remove().await;
}

// D18: where no control group holds the limit, it holds for each process.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_group_an_allocation_beyond_the_limit_fails_and_the_kernel_goes_on() {
    let mut job = Job::start_with(LaunchSpec {
        process_memory: Some(LIMIT),
        ..Job::spec()
    })
    .await;
    job.execute("hog", HOG).await;
    let records = job.until_idle("hog").await;
    let error = records
        .iter()
        .find(|record| record.header()["msg_type"] == "error")
        .map(kernel::journal::Record::content);
    assert_eq!(error.unwrap()["ename"], "MemoryError");
    // So does a process that the kernel starts, by itself.
    let child = "import subprocess, sys\n\
                 print(subprocess.run([sys.executable, '-c', \"b'x' * 800_000_000\"], capture_output=True).stderr[-12:])";
    job.execute("child", child).await;
    let records = job.until_idle("child").await;
    let said = crate::job::stream_text(&records, "stdout");
    assert!(said.contains("MemoryError"), "{said}");
    job.shutdown().await;
}
