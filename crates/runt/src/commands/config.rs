//! `runt workstation config`: shows and changes the settings that `run` starts with.

use anyhow::Result;
use cloud_client::CA_FILE_VARIABLE;
use serde_json::{Value, json};
use workstation::{Env, Folders, SETTINGS, SettingsFile, WorkstationSettings};

use super::{Here, printable};
use crate::printer::Printer;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, clap::Subcommand)]
enum Change {
    /// Set a value.
    Set {
        /// The setting.
        name: String,
        /// The value; `allow` and `pass_env` take several.
        #[arg(required = true, num_args = 1..)]
        value: Vec<String>,
    },
    /// Return to the default.
    Unset {
        /// The setting.
        name: String,
    },
}

pub fn run(args: Args, printer: &Printer) -> Result<()> {
    let env = Env::of_process();
    let folders = Folders::find(&env)?;
    let mut file = SettingsFile::open(&folders.settings_file())?;
    match args.change {
        None => return show(&file, &env, args.json, printer),
        Some(Change::Set { name, value }) => file.set(&name, &value)?,
        Some(Change::Unset { name }) => file.unset(&name)?,
    }
    printer.note("It holds from the next start of the agent.");
    Ok(())
}

fn show(file: &SettingsFile, env: &Env, json: bool, printer: &Printer) -> Result<()> {
    let settings = file.settings()?;
    let found: Vec<(&str, &str, Option<String>, &str)> = SETTINGS
        .iter()
        .map(|(name, about)| {
            let variable = match *name {
                "ca_file" => CA_FILE_VARIABLE.to_owned(),
                name => format!("RUNT_RUN_{}", name.to_uppercase()),
            };
            let (value, source) = match (env.get(&variable), of(&settings, name)) {
                (Some(value), _) => (Some(value.to_owned()), "environment"),
                (None, Some(value)) => (Some(value), "file"),
                (None, None) => (None, "default"),
            };
            (*name, *about, value, source)
        })
        .collect();
    if json {
        let members = found.iter().map(|(name, _, value, source)| {
            let shown: Value = json!({ "value": value, "source": source });
            ((*name).to_owned(), shown)
        });
        return printer.json(&members.collect::<serde_json::Map<_, _>>());
    }
    let rows: Vec<Vec<String>> = found
        .into_iter()
        .map(|(name, about, value, source)| {
            let value = value.map_or_else(|| "-".to_owned(), |value| printable(&value));
            vec![name.to_owned(), value, source.to_owned(), about.to_owned()]
        })
        .collect();
    printer.table(&["SETTING", "VALUE", "FROM", "FOR"], &rows);
    Ok(())
}

fn of(settings: &WorkstationSettings, name: &str) -> Option<String> {
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    match name {
        "working_directory" => path(&settings.working_directory),
        "python_path" => path(&settings.python_path),
        "ca_file" => path(&settings.ca_file),
        "allow" => (!settings.allow.is_empty()).then(|| settings.allow.join(",")),
        "pass_env" => (!settings.pass_env.is_empty()).then(|| settings.pass_env.join(",")),
        "max_jobs" => settings.max_jobs.map(|most| most.to_string()),
        "job_memory" => settings.limits.memory.map(|limit| limit.to_string()),
        "job_cpus" => settings.limits.cpus.map(|limit| limit.to_string()),
        "nice" => settings.limits.nice.map(|nice| nice.to_string()),
        "keep_days" => settings.keep_days.map(|days| days.to_string()),
        "keep_size" => settings.keep_size.map(|size| size.to_string()),
        "output_mib" => settings.output_mib.map(|most| most.to_string()),
        "journal_mib" => settings.journal_mib.map(|most| most.to_string()),
        "idle_minutes" => settings.idle_minutes.map(|minutes| minutes.to_string()),
        "warm_kernels" => settings.warm_kernels.map(|size| size.to_string()),
        "environments" => settings.environments.clone(),
        _ => settings.on_stop.clone(),
    }
}

/// The settings of this machine.
pub fn settings(here: &Here) -> Result<WorkstationSettings> {
    Ok(SettingsFile::open(&here.folders.settings_file())?.settings()?)
}
