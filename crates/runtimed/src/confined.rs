//! `runtimed confined`: becomes a program that does not see this machine's secrets. Kernels, interpreters that are asked
//! about themselves and uv are started by it.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser as _, ValueParser};
use kernel::confinement::{
    Confinement, Hidden, Obstacle, become_confined, become_confined_or_plain,
};
use workstation::{Env, Folders, Protection};

/// What is kept from notebook code, as another process of ours says it.
#[derive(Debug, Clone, clap::Args)]
pub struct Secrets {
    /// A folder or file that is hidden: its path, or `DEVICE:NUMBER:PATH` where it has to be that one.
    #[arg(long, hide = true, value_parser = hidden())]
    hide: Vec<Hidden>,
    /// A program that is neither changed nor replaced.
    #[arg(long, hide = true)]
    keep: Vec<PathBuf>,
}

impl Secrets {
    /// What was said, or else what is to be kept as far as this process knows.
    pub fn confinement(self) -> Confinement {
        if self.hide.is_empty() {
            usual()
        } else {
            Confinement::known(self.hide, self.keep)
        }
    }
}

fn hidden() -> ValueParser {
    OsStringValueParser::new()
        .try_map(|word| Hidden::read(&word).ok_or("neither PATH nor DEVICE:NUMBER:PATH"))
        .into()
}

/// Start a program that does not see this machine's secrets.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    secrets: Secrets,
    /// A folder below a hidden one that is not.
    #[arg(long)]
    show: Vec<PathBuf>,
    /// Hide what is usual; where nothing can be hidden, start the program all the same.
    #[arg(long)]
    usual: bool,
    /// Tell, as JSON, whether this machine keeps its secrets from kernels.
    #[arg(long, conflicts_with = "program")]
    probe: bool,
    /// The program and its arguments.
    #[arg(last = true, required_unless_present = "probe")]
    program: Vec<OsString>,
}

/// Becomes the program, or tells why not.
pub fn run(args: Args) -> ExitCode {
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
    if args.usual {
        eprintln!(
            "{}",
            match become_confined_or_plain(&usual(), program, arguments) {
                Obstacle::Program(number) => std::io::Error::from_raw_os_error(number).to_string(),
                Obstacle::Unsupported(why) | Obstacle::Failed(why) => why,
            }
        );
    } else {
        // Nothing but what is said, also where that is nothing.
        let confinement = Confinement::known(args.secrets.hide, args.secrets.keep);
        become_confined(&confinement, &args.show, program, arguments);
    }
    ExitCode::FAILURE
}

fn probe() -> Protection {
    match usual().try_here() {
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

/// What is kept from notebook code: the credential's folder, and the agent's with all jobs'. The programs that run
/// outside stay what they are.
pub fn usual() -> Confinement {
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
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().map(|own| own.with_file_name("runt"));
    Confinement::hiding(secrets, own.into_iter().chain(beside).collect())
}
