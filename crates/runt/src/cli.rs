//! The command line's shape, and the environment's twin of each flag.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, CommandFactory as _, Parser, Subcommand};

use crate::{commands, papers};

#[derive(Debug, Parser)]
#[command(
    name = "runt",
    version,
    about = "Offer this machine's Python kernels to your notebook cloud",
    after_help = "Each flag has a twin in the environment: RUNT_<COMMAND>_<FLAG>, for example RUNT_RUN_PYTHON_PATH.\n\
                  Exit codes: 0 done, 1 a problem of yours or the cloud's, 2 the command line; `doctor` answers 3 for warnings."
)]
pub struct Cli {
    /// Never ask; fail instead where an answer would be needed.
    #[arg(long, global = true)]
    pub no_input: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pair this machine with a notebook cloud and serve its kernels.
    #[command(subcommand, arg_required_else_help = true)]
    Workstation(Box<Workstation>),
    /// Replace `runt` and `runtimed` by what the cloud offers; kernels live on.
    Upgrade(commands::upgrade::Args),
    /// Print a script that completes `runt` commands in your shell.
    Completions(papers::CompletionsArgs),
    /// Write the manual pages into a folder.
    Man(papers::ManArgs),
}

#[derive(Debug, Subcommand)]
pub enum Workstation {
    /// Pair this machine with a cloud.
    Connect(commands::connect::Args),
    /// Serve this machine's kernels until stopped.
    Run(commands::run::Args),
    /// Keep the agent running: a service of systemd.
    Service(commands::service::Args),
    /// Show this machine's agent and what the cloud knows of your workstations.
    Status(commands::status::Args),
    /// Show the notebooks that this machine serves, and what they use.
    Jobs(commands::jobs::Args),
    /// Show what a notebook's runtime peer logged.
    Logs(commands::logs::Args),
    /// Print what a cell printed, also where its notebook has no room for all of it.
    Output(commands::output::Args),
    /// End a notebook's kernel, or everything.
    Stop(commands::stop::Args),
    /// Finish what runs and take no new notebooks.
    Drain(commands::drain::Args),
    /// Take this machine off the cloud and remove its credential.
    Disconnect(commands::disconnect::Args),
    /// Look for what keeps this machine from serving.
    Doctor(commands::doctor::Args),
    /// Show or change this machine's settings.
    Config(commands::config::Args),
}

/// The command line with the environment's twins; the short help does not list them.
pub fn command() -> clap::Command {
    with_twins(Cli::command(), "RUNT")
}

/// Gives each flag that has none a variable named after the command and the flag; switches take `1`, `true`, `yes`, `on`
/// and their opposites.
fn with_twins(command: clap::Command, prefix: &str) -> clap::Command {
    let named = command.mut_args(|arg| twin(arg, prefix));
    named.mut_subcommands(|below| {
        let name = below.get_name().to_owned();
        let prefix = match name.as_str() {
            // The only family of commands: its name would only make the variables longer.
            "workstation" => prefix.to_owned(),
            name => format!("{prefix}_{}", word(name)),
        };
        with_twins(below, &prefix)
    })
}

fn twin(arg: Arg, prefix: &str) -> Arg {
    let is_plain = !matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    let Some(long) = arg
        .get_long()
        .filter(|_| is_plain && arg.get_env().is_none())
    else {
        return arg;
    };
    let variable = format!("{prefix}_{}", word(long));
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let arg = arg.env(variable).hide_env(true);
    if is_switch {
        arg.value_parser(BoolishValueParser::new())
    } else {
        arg
    }
}

fn word(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_twin_and_no_two_share_one() {
        fn collect(command: &clap::Command, found: &mut Vec<(String, String)>) {
            for arg in command.get_arguments() {
                let (Some(long), Some(env)) = (arg.get_long(), arg.get_env()) else {
                    assert!(
                        matches!(arg.get_long(), None | Some("help" | "version")),
                        "{arg:?}"
                    );
                    continue;
                };
                found.push((
                    env.to_string_lossy().into_owned(),
                    format!("{} {long}", command.get_name()),
                ));
            }
            command
                .get_subcommands()
                .for_each(|below| collect(below, found));
        }
        let mut found = Vec::new();
        collect(&command(), &mut found);
        let mut names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{found:?}");
        assert!(names.contains(&"RUNT_NO_INPUT"), "{names:?}");
        // `config` shows which of these a setting comes from.
        for (setting, _) in workstation::SETTINGS
            .iter()
            .filter(|(name, _)| *name != "ca_file")
        {
            let twin = format!("RUNT_RUN_{}", word(setting));
            assert!(names.contains(&twin.as_str()), "{twin}: {names:?}");
        }
    }
}
