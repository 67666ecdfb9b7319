//! How a machine serves: the flags that `runt workstation run` takes and hands on to `runtimed workstation-agent`.

use std::ffi::OsString;
use std::path::PathBuf;

use agent_core::{OutputLimits, StopPolicy};

use crate::{
    CpuLimit, IDLE_MINUTES, JobLimits, KEEP_BYTES, KEEP_DAYS, MOST_NICE, MOST_WARM_KERNELS,
    MemoryLimit, WorkstationSettings,
};

/// The flags, on both command lines; each is a setting of the same name, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct ServingArgs {
    /// The Python for kernels [default: the first python3 or python on PATH].
    #[arg(long)]
    pub python_path: Option<PathBuf>,
    /// What happens to running kernels when the agent is asked to stop [default: end].
    #[arg(long, value_parser = ["end", "detach"])]
    pub on_stop: Option<String>,
    /// Notebooks (ids) and people (principals) that may use this machine [default: everyone whom the cloud lets in].
    #[arg(long, value_delimiter = ',', value_name = "NOTEBOOK|PRINCIPAL")]
    pub allow: Vec<String>,
    /// Environment variables that kernels get beside the usual ones, by name [default: none].
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub pass_env: Vec<String>,
    /// Whether notebooks may have environments of their own, made by uv from what they declare [default: on].
    #[arg(long, value_parser = ["on", "off"])]
    pub environments: Option<String>,
    /// How many kernels are started before anybody asks [default: 1 with 4 processors and 8 GiB or more, else none].
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_WARM_KERNELS)))]
    pub warm_kernels: Option<u32>,
    /// Most notebooks at once [default: no limit].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_jobs: Option<u32>,
    /// Most memory of one notebook, such as 8G [default: no limit].
    #[arg(long, value_name = "SIZE")]
    pub job_memory: Option<MemoryLimit>,
    /// Most processors of one notebook, such as 2 or 0.5 [default: no limit].
    #[arg(long, value_name = "NUMBER")]
    pub job_cpus: Option<CpuLimit>,
    /// How far kernels give way to other work, 1 to 19 [default: not at all].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_NICE)))]
    pub nice: Option<u8>,
    /// Days that what ended notebooks left is kept [default: 14].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_days: Option<u32>,
    /// Most space of that, such as 2G [default: 2G].
    #[arg(long, value_name = "SIZE")]
    pub keep_size: Option<MemoryLimit>,
    /// MiB of one cell's output that its notebook shows at most [default: 64].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub output_mib: Option<u32>,
    /// MiB of a notebook's output that wait on disk at most; as many are kept of what the notebook has no room for
    /// [default: 1024].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub journal_mib: Option<u32>,
    /// Minutes without a running cell after which a kernel stops; 0 is never [default: 30].
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(IDLE_MINUTES)))]
    pub idle_minutes: Option<u32>,
}

impl ServingArgs {
    /// What no flag says comes from the settings.
    #[must_use]
    pub fn or(self, settings: &WorkstationSettings) -> Self {
        let or_text = |own: Option<String>, other: &Option<String>| own.or_else(|| other.clone());
        let or_list = |own: Vec<String>, other: &[String]| {
            if own.is_empty() { other.to_vec() } else { own }
        };
        Self {
            python_path: self.python_path.or_else(|| settings.python_path.clone()),
            on_stop: or_text(self.on_stop, &settings.on_stop),
            allow: or_list(self.allow, &settings.allow),
            pass_env: or_list(self.pass_env, &settings.pass_env),
            environments: or_text(self.environments, &settings.environments),
            warm_kernels: self.warm_kernels.or(settings.warm_kernels),
            max_jobs: self.max_jobs.or(settings.max_jobs),
            job_memory: self.job_memory.or(settings.limits.memory),
            job_cpus: self.job_cpus.or(settings.limits.cpus),
            nice: self.nice.or(settings.limits.nice),
            keep_days: self.keep_days.or(settings.keep_days),
            keep_size: self.keep_size.or(settings.keep_size),
            output_mib: self.output_mib.or(settings.output_mib),
            journal_mib: self.journal_mib.or(settings.journal_mib),
            idle_minutes: self.idle_minutes.or(settings.idle_minutes),
        }
    }

    /// The same as arguments: reading them gives the same again.
    pub fn to_arguments(&self) -> Vec<OsString> {
        fn text(value: Option<impl ToString>) -> Option<OsString> {
            value.map(|value| value.to_string().into())
        }
        let allow = self.allow.iter().map(|one| ("allow", text(Some(one))));
        let pass_env = self
            .pass_env
            .iter()
            .map(|one| ("pass-env", text(Some(one))));
        let path = self.python_path.as_ref();
        let given = [
            ("python-path", path.map(|path| path.as_os_str().to_owned())),
            ("on-stop", text(self.on_stop.as_ref())),
            ("environments", text(self.environments.as_ref())),
            ("warm-kernels", text(self.warm_kernels)),
            ("max-jobs", text(self.max_jobs)),
            ("job-memory", text(self.job_memory)),
            ("job-cpus", text(self.job_cpus)),
            ("nice", text(self.nice)),
            ("keep-days", text(self.keep_days)),
            ("keep-size", text(self.keep_size)),
            ("output-mib", text(self.output_mib)),
            ("journal-mib", text(self.journal_mib)),
            ("idle-minutes", text(self.idle_minutes)),
        ];
        let given = given.into_iter().chain(allow).chain(pass_env);
        let argument = |(flag, value): (&str, Option<OsString>)| {
            let mut argument = OsString::from(format!("--{flag}="));
            argument.push(value?);
            Some(argument)
        };
        given.filter_map(argument).collect()
    }

    /// What happens to peers when the agent is asked to stop.
    pub fn stop_policy(&self) -> StopPolicy {
        match self.on_stop.as_deref() {
            Some("detach") => StopPolicy::Detach,
            _ => StopPolicy::End,
        }
    }

    /// Whether notebooks may have environments of their own.
    pub fn environments(&self) -> bool {
        self.environments.as_deref() != Some("off")
    }

    /// What each notebook's job may take.
    pub fn limits(&self) -> JobLimits {
        JobLimits {
            memory: self.job_memory,
            cpus: self.job_cpus,
            nice: self.nice,
        }
    }

    /// How much output is shown and kept.
    pub fn output(&self) -> OutputLimits {
        OutputLimits {
            output_mib: self.output_mib,
            journal_mib: self.journal_mib,
        }
    }

    /// For how many days, and up to how many bytes, the folders of ended jobs are kept.
    pub fn keep(&self) -> (u32, u64) {
        (
            self.keep_days.unwrap_or(KEEP_DAYS),
            self.keep_size.map_or(KEEP_BYTES, MemoryLimit::bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args as _, FromArgMatches as _};

    use super::*;
    use crate::{SETTINGS, SettingsFile};

    fn command() -> clap::Command {
        ServingArgs::augment_args(clap::Command::new("run"))
    }

    fn read(arguments: impl IntoIterator<Item = OsString>) -> ServingArgs {
        let arguments = std::iter::once("run".into()).chain(arguments);
        let matches = command().try_get_matches_from(arguments).unwrap();
        ServingArgs::from_arg_matches(&matches).unwrap()
    }

    /// Each flag with a value that is not its default; a flag that is not here fails the tests.
    const VALUES: [(&str, &str); 15] = [
        ("python-path", "/opt/python"),
        ("on-stop", "detach"),
        ("allow", "n1,user:local:ada"),
        ("pass-env", "CUDA_HOME,SLURM_JOB_ID"),
        ("environments", "off"),
        ("warm-kernels", "2"),
        ("max-jobs", "3"),
        ("job-memory", "4G"),
        ("job-cpus", "0.5"),
        ("nice", "7"),
        ("keep-days", "5"),
        ("keep-size", "600M"),
        ("output-mib", "8"),
        ("journal-mib", "9"),
        ("idle-minutes", "0"),
    ];

    fn all() -> ServingArgs {
        read(VALUES.map(|(flag, value)| format!("--{flag}={value}").into()))
    }

    #[test]
    fn every_flag_has_help_and_is_handed_on_as_it_was() {
        let command = command();
        let flags: BTreeSet<&str> = command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        assert_eq!(flags, VALUES.map(|(flag, _)| flag).into());
        for flag in command.get_arguments() {
            let help = flag.get_help().unwrap().to_string();
            assert!(help.contains("[default: "), "{help}");
        }
        let handed_on = all().to_arguments();
        for flag in flags {
            let prefix = format!("--{flag}=");
            let is_there = |given: &OsString| given.to_string_lossy().starts_with(&prefix);
            assert!(handed_on.iter().any(is_there), "{flag}");
        }
        assert_eq!(read(handed_on), all());
        assert_eq!(
            ServingArgs::default().to_arguments(),
            Vec::<OsString>::new()
        );
    }

    #[test]
    fn every_flag_is_a_setting_that_counts_where_the_flag_is_not_given() {
        let place = tempfile::tempdir().unwrap();
        let mut file = SettingsFile::open(&place.path().join("workstation.toml")).unwrap();
        for (flag, value) in VALUES {
            file.set(&flag.replace('-', "_"), &[value.to_owned()])
                .unwrap();
        }
        let settings = file.settings().unwrap();
        assert_eq!(ServingArgs::default().or(&settings), all());
        let own = read(["--nice=1".into(), "--allow=n2".into()]);
        let both = own.or(&settings);
        assert_eq!((both.nice, both.allow), (Some(1), vec!["n2".to_owned()]));
        // What else can be set has its flag in `run` alone.
        let names = SETTINGS.map(|(name, _)| name.replace('_', "-"));
        let mut others: Vec<&str> = names.iter().map(String::as_str).collect();
        others.retain(|name| VALUES.iter().all(|(flag, _)| flag != name));
        assert_eq!(others, ["working-directory", "ca-file"]);
    }
}
