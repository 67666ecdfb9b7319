//! `runtimed confined`: becomes a kernel that does not see this machine's secrets. Started by the kernel keeper.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kernel::confinement::{Confinement, Obstacle, become_confined};
use workstation::{Env, Folders, Protection};

/// Start a program that does not see this machine's secrets.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder or file that is hidden.
    #[arg(long)]
    hide: Vec<PathBuf>,
    /// A folder below a hidden one that is not.
    #[arg(long)]
    show: Vec<PathBuf>,
    /// Tell, as JSON, whether this machine keeps its secrets from kernels.
    #[arg(long, conflicts_with = "program")]
    probe: bool,
    /// The program and its arguments.
    #[arg(last = true, required_unless_present = "probe")]
    program: Vec<OsString>,
}

/// Becomes the program, or tells why not.
pub fn run(args: &Args) -> ExitCode {
    if args.probe {
        return match serde_json::to_string(&probe()) {
            Ok(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        };
    }
    let (program, arguments) = (&args.program[0], &args.program[1..]);
    become_confined(&args.hide, &args.show, program, arguments);
    ExitCode::FAILURE
}

fn probe() -> Protection {
    match confinement(None).try_here() {
        Ok(()) | Err(Obstacle::Program(_)) => Protection::default(),
        Err(Obstacle::Unsupported(why)) => Protection {
            unprotected: Some(why),
            trouble: None,
        },
        Err(Obstacle::Failed(why)) => Protection {
            unprotected: None,
            trouble: Some(why),
        },
    }
}

/// What is kept from kernels: the credential's folder, the agent's with all jobs', and the job's own wherever it is.
pub fn confinement(job_dir: Option<&Path>) -> Confinement {
    let env = Env::of_process();
    let mut secrets = Vec::new();
    // A home without one has no secrets either.
    if let Ok(folders) = Folders::find(&env) {
        for folder in [folders.config, folders.state] {
            // What is not there yet cannot be hidden. Where it cannot be made, nothing will be in it.
            let _ = DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder);
            secrets.push(folder);
        }
    }
    // Another agent of this account may use the usual folders.
    let usual = env
        .get("HOME")
        .map(|home| Env::from_pairs([("HOME", home)]));
    if let Some(folders) = usual.and_then(|env| Folders::find(&env).ok()) {
        secrets.extend([folders.config, folders.state]);
    }
    secrets.extend(job_dir.map(Path::to_owned));
    Confinement::hiding(secrets)
}
