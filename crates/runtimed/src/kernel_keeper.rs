//! `runtimed kernel-keeper`: owns one job's kernel and its journal. Started by the runtime peer.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use kernel::keeper::{DEFAULT_ORPHAN_LIMIT, KeeperConfig};

/// Keep one kernel and its journal for a job.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's folder.
    #[arg(long)]
    job_dir: PathBuf,
    /// Seconds to live without a runtime peer.
    #[arg(long)]
    orphan_after: Option<u64>,
}

/// Runs until told to end.
pub fn run(args: Args) -> ExitCode {
    let orphan_limit = args
        .orphan_after
        .map_or(DEFAULT_ORPHAN_LIMIT, Duration::from_secs);
    let config = KeeperConfig {
        job_dir: args.job_dir,
        orphan_limit,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| Ok(runtime.block_on(kernel::keeper::run(config))?));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("[kernel-keeper] Fatal: {error:#}");
            ExitCode::FAILURE
        }
    }
}
