//! `notebook-cloud person`: who is here, whose access ends, and who takes over what they own.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use server::people::console::Console;

use crate::settings_args::PlaceArgs;

/// Look at people and end or hand over what they have.
#[derive(Debug, Args)]
pub struct PersonArgs {
    #[command(subcommand)]
    command: PersonCommand,
}

#[derive(Debug, Subcommand)]
enum PersonCommand {
    /// List everybody who has signed in, was given access, or was disabled.
    List {
        #[command(flatten)]
        place: PlaceArgs,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// End a person's sessions, tokens, machines and open sockets, and let them sign in no more.
    Disable {
        #[command(flatten)]
        place: PlaceArgs,
        /// Principal or verified e-mail address, as `person list` shows them.
        person: String,
    },
    /// Let a person sign in again; what was ended stays ended.
    Enable {
        #[command(flatten)]
        place: PlaceArgs,
        /// Principal or verified e-mail address.
        person: String,
    },
    /// Write every notebook that a person owns to a folder, as .ipynb files.
    Export {
        #[command(flatten)]
        place: PlaceArgs,
        /// Principal or verified e-mail address.
        person: String,
        /// The folder; absent or empty.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Make another person the owner of every notebook that a person owns; also when nobody can
    /// sign in as the owner any more.
    HandOver {
        #[command(flatten)]
        place: PlaceArgs,
        /// Principal or verified e-mail address of the owner so far.
        person: String,
        /// Principal or verified e-mail address of the new owner, who has signed in before.
        #[arg(long, value_name = "PERSON")]
        to: String,
    },
}

/// Runs the command; a running server follows within a second.
pub async fn run(args: &PersonArgs) -> Result<()> {
    match &args.command {
        PersonCommand::List { place, json } => list(place, *json).await,
        PersonCommand::Disable { place, person } => {
            let console = Console::open(&place.settings()?).await?;
            let (name, new) = console.disable(person).await?;
            let word = if new {
                "disabled"
            } else {
                "was disabled already; ended again:"
            };
            println!("{word} {name}");
            console.close().await;
            Ok(())
        }
        PersonCommand::Enable { place, person } => {
            let console = Console::open(&place.settings()?).await?;
            let (name, done) = console.enable(person).await?;
            let word = if done {
                "may sign in again"
            } else {
                "was not disabled"
            };
            println!("{name} {word}");
            console.close().await;
            Ok(())
        }
        PersonCommand::Export { place, person, to } => export(place, person, to).await,
        PersonCommand::HandOver { place, person, to } => {
            let console = Console::open(&place.settings()?).await?;
            let (to, notebooks) = console.hand_over(person, to).await?;
            println!("{to} owns {} more notebooks", notebooks.len());
            for id in notebooks {
                println!("{id}");
            }
            console.close().await;
            Ok(())
        }
    }
}

async fn export(place: &PlaceArgs, person: &str, to: &Path) -> Result<()> {
    let settings = place.settings()?;
    let console = Console::open(&settings).await?;
    let exported = console.export(&settings, person, to).await?;
    console.close().await;
    for file in &exported.files {
        println!("{}", file.display());
    }
    for (id, cause) in &exported.left {
        eprintln!("{id} is not among them: {cause}");
    }
    if exported.left.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} notebooks were not exported\nHint: hand them over with `notebook-cloud person hand-over` instead",
        exported.left.len(),
        exported.left.len() + exported.files.len()
    )
}

async fn list(place: &PlaceArgs, json: bool) -> Result<()> {
    let console = Console::open(&place.settings()?).await?;
    let people = console.people().await?;
    console.close().await;
    for person in people {
        if json {
            println!("{}", person.to_json());
        } else {
            println!("{person}");
        }
    }
    Ok(())
}
