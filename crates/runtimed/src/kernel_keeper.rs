//! `runtimed kernel-keeper`: owns one job's kernel and its journal. Started by the runtime peer.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use kernel::LaunchSpec;
use kernel::client::{ClientError, KeeperClient};
use kernel::journal::DEFAULT_LIMIT_BYTES;
use kernel::keeper::{DEFAULT_ORPHAN_LIMIT, KeeperConfig, KeeperRecord, end_leftover_kernel};
use kernel::protocol::Command;

use crate::confined::Secrets;

/// Keep one kernel and its journal for a job.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's folder.
    #[arg(long)]
    job_dir: PathBuf,
    /// Seconds to live without a runtime peer.
    #[arg(long)]
    orphan_after: Option<u64>,
    /// MiB that the journal may hold before output is cut.
    #[arg(long, default_value_t = DEFAULT_LIMIT_BYTES >> 20)]
    journal_mib: u64,
    /// Start a kernel of this Python at once, for the first job that wants it; end with standard input until then.
    #[arg(long, requires = "warm_dir")]
    warm_python: Option<PathBuf>,
    /// Where that kernel starts.
    #[arg(long)]
    warm_dir: Option<PathBuf>,
    /// The most private memory of each of that kernel's processes, in bytes.
    #[arg(long)]
    process_memory: Option<u64>,
    /// End the keeper of this folder and its kernel instead.
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    secrets: Secrets,
}

/// Runs until told to end.
pub fn run(args: Args) -> ExitCode {
    let orphan_limit = args
        .orphan_after
        .map_or(DEFAULT_ORPHAN_LIMIT, Duration::from_secs);
    // Its tasks hand everything to each other: on one thread none waits for another thread to wake.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        if args.end {
            return runtime.block_on(end(&args.job_dir));
        }
        let config = KeeperConfig {
            // The job's folder may be anywhere.
            confinement: args.secrets.confinement().and(args.job_dir.clone()),
            job_dir: args.job_dir,
            orphan_limit,
            journal_limit: args.journal_mib.saturating_mul(1 << 20),
            warm: args
                .warm_python
                .zip(args.warm_dir)
                .map(|(python, folder)| LaunchSpec {
                    process_memory: args.process_memory,
                    ..LaunchSpec::current_python(&python, &folder)
                }),
        };
        Ok(runtime.block_on(kernel::keeper::run(config))?)
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("[kernel-keeper] Fatal: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends a job's keeper with its kernel, or the kernel that a killed keeper left.
async fn end(job_dir: &Path) -> Result<()> {
    match KeeperClient::connect(job_dir).await {
        Ok(keeper) => {
            keeper.request(Command::Shutdown).await?;
        }
        Err(ClientError::Absent) => {
            end_leftover_kernel(job_dir);
            KeeperRecord::remove_dead(job_dir);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
