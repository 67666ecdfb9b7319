//! The operator's settings: `workstation.toml` beside the credential. Flags and the environment come before it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{JobLimits, MOST_NICE, MOST_WARM_KERNELS, MemoryLimit};
use toml_edit::{DocumentMut, Item, Value, value};

/// Longest settings file that is read.
const FILE_LIMIT: u64 = 256 * 1024;
/// Most entries of `allow`.
const ALLOW_LIMIT: usize = 1000;

/// Most minutes without a running cell: a month.
pub const IDLE_MINUTES: u32 = 30 * 24 * 60;

/// The settings by name, with what each is for.
pub const SETTINGS: [(&str, &str); 17] = [
    ("working_directory", "where kernels start"),
    ("python_path", "the Python for kernels"),
    (
        "allow",
        "notebooks and people that may use this machine; none named is everyone",
    ),
    (
        "pass_env",
        "environment variables that kernels get beside the usual ones, by name",
    ),
    ("max_jobs", "most notebooks at once"),
    ("job_memory", "most memory of one notebook, such as 8G"),
    (
        "job_cpus",
        "most processors of one notebook, such as 2 or 0.5",
    ),
    ("nice", "how far kernels give way to other work, 1 to 19"),
    ("keep_days", "days that what ended notebooks left is kept"),
    ("keep_size", "most space of that, such as 2G"),
    (
        "output_mib",
        "MiB of one cell's output that its notebook shows at most",
    ),
    (
        "journal_mib",
        "MiB of a notebook's output that wait on disk, and that are kept beyond output_mib, at most",
    ),
    (
        "idle_minutes",
        "minutes without a running cell after which a kernel stops; 0 is never",
    ),
    (
        "environments",
        "environments that notebooks declare: on, or off",
    ),
    (
        "warm_kernels",
        "kernels that are started before anybody asks",
    ),
    (
        "on_stop",
        "what happens to kernels when the agent stops: end or detach",
    ),
    (
        "ca_file",
        "certificate authorities besides the system's, a PEM file",
    ),
];

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkstationSettings {
    /// Where kernels start.
    pub working_directory: Option<PathBuf>,
    /// The Python for kernels.
    pub python_path: Option<PathBuf>,
    /// Notebooks (ids) and people (principals) that may use the machine.
    pub allow: Vec<String>,
    /// Environment variables that kernels get beside the usual ones.
    pub pass_env: Vec<String>,
    /// Most notebooks at once.
    pub max_jobs: Option<u32>,
    /// What each notebook's job may take.
    pub limits: JobLimits,
    /// Days that folders of ended jobs are kept.
    pub keep_days: Option<u32>,
    /// Most space of them.
    pub keep_size: Option<MemoryLimit>,
    /// MiB of one cell's output that its notebook shows at most.
    pub output_mib: Option<u32>,
    /// MiB of a notebook's output that wait on disk, and that are kept beside the notebook, at most.
    pub journal_mib: Option<u32>,
    /// Minutes without a running cell after which a kernel stops; 0 is never.
    pub idle_minutes: Option<u32>,
    /// `on` or `off`: whether notebooks may have environments of their own.
    pub environments: Option<String>,
    /// How many kernels are started before anybody asks.
    pub warm_kernels: Option<u32>,
    /// `end` or `detach`.
    pub on_stop: Option<String>,
    /// Certificate authorities that count besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// What can be wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read or written.
    #[error("cannot {what} the settings file {}: {cause}", path.display())]
    File {
        /// Read or write.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The file is not TOML.
    #[error("the settings file {} is not valid: {cause}\nHint: mend it or remove it", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// There is no such setting.
    #[error("there is no setting {name:?}\nHint: the settings are {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The value does not fit.
    #[error("{name}: {why}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What is wrong, with a hint.
        why: String,
    },
}

fn names() -> String {
    SETTINGS.map(|(name, _)| name).join(", ")
}

/// The settings file, open for changes; comments stay.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    document: DocumentMut,
}

impl SettingsFile {
    /// Reads it; a missing file is an empty one.
    pub fn open(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |cause: String| SettingsError::File {
            what: "read",
            path: path.to_owned(),
            cause,
        };
        let text = match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(error.to_string())),
            Ok(meta) if meta.len() > FILE_LIMIT => {
                return Err(unreadable("it is too large".into()));
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?,
        };
        let document =
            text.parse()
                .map_err(|error: toml_edit::TomlError| SettingsError::Invalid {
                    path: path.to_owned(),
                    cause: error.message().to_owned(),
                })?;
        Ok(Self {
            path: path.to_owned(),
            document,
        })
    }

    /// What it says; an unknown name or a value that does not fit is an error.
    pub fn settings(&self) -> Result<WorkstationSettings, SettingsError> {
        let mut settings = WorkstationSettings::default();
        for (name, item) in self.document.iter() {
            let texts = texts(item).ok_or_else(|| SettingsError::Invalid {
                path: self.path.clone(),
                cause: format!("{name} has a value of the wrong kind"),
            })?;
            settings.put(known(name)?, &texts)?;
        }
        Ok(settings)
    }

    /// Sets a value after checking it.
    pub fn set(&mut self, name: &str, values: &[String]) -> Result<(), SettingsError> {
        let name = known(name)?;
        let mut settings = WorkstationSettings::default();
        settings.put(name, values)?;
        let item = match name {
            "working_directory" => value(shown(settings.working_directory)),
            "python_path" => value(shown(settings.python_path)),
            "ca_file" => value(shown(settings.ca_file)),
            "allow" => value(settings.allow.into_iter().collect::<Value>()),
            "pass_env" => value(settings.pass_env.into_iter().collect::<Value>()),
            "max_jobs" => value(i64::from(settings.max_jobs.unwrap_or_default())),
            "job_memory" => value(
                settings
                    .limits
                    .memory
                    .map_or_else(String::new, |limit| limit.to_string()),
            ),
            "job_cpus" => value(
                settings
                    .limits
                    .cpus
                    .map_or_else(String::new, |limit| limit.to_string()),
            ),
            "nice" => value(i64::from(settings.limits.nice.unwrap_or_default())),
            "keep_days" => value(i64::from(settings.keep_days.unwrap_or_default())),
            "keep_size" => value(
                settings
                    .keep_size
                    .map_or_else(String::new, |size| size.to_string()),
            ),
            "output_mib" => value(i64::from(settings.output_mib.unwrap_or_default())),
            "journal_mib" => value(i64::from(settings.journal_mib.unwrap_or_default())),
            "idle_minutes" => value(i64::from(settings.idle_minutes.unwrap_or_default())),
            "environments" => value(settings.environments.unwrap_or_default()),
            "warm_kernels" => value(i64::from(settings.warm_kernels.unwrap_or_default())),
            _ => value(settings.on_stop.unwrap_or_default()),
        };
        self.document[name] = item;
        self.write()
    }

    /// Removes a value; the default holds again.
    pub fn unset(&mut self, name: &str) -> Result<(), SettingsError> {
        self.document.remove(known(name)?);
        self.write()
    }

    fn write(&self) -> Result<(), SettingsError> {
        let unwritable = |error: std::io::Error| SettingsError::File {
            what: "write",
            path: self.path.clone(),
            cause: error.to_string(),
        };
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(unwritable)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
        file.write_all(self.document.to_string().as_bytes())
            .map_err(unwritable)?;
        file.persist(&self.path)
            .map_err(|error| unwritable(error.error))?;
        Ok(())
    }
}

fn known(name: &str) -> Result<&'static str, SettingsError> {
    let asked = name.replace('-', "_");
    let found = SETTINGS.iter().find(|(known, _)| *known == asked);
    found
        .map(|(name, _)| *name)
        .ok_or_else(|| SettingsError::Unknown {
            name: name.to_owned(),
        })
}

fn shown(path: Option<PathBuf>) -> String {
    path.unwrap_or_default().to_string_lossy().into_owned()
}

/// A value as words: a text, a number, or a list of texts.
fn texts(item: &Item) -> Option<Vec<String>> {
    match item.as_value()? {
        Value::String(text) => Some(vec![text.value().clone()]),
        Value::Integer(number) => Some(vec![number.value().to_string()]),
        Value::Float(number) => Some(vec![number.value().to_string()]),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

impl WorkstationSettings {
    fn put(&mut self, name: &'static str, values: &[String]) -> Result<(), SettingsError> {
        let wrong = |why: String| SettingsError::Value { name, why };
        if name == "allow" {
            self.allow = allowed(values).map_err(wrong)?;
            return Ok(());
        }
        if name == "pass_env" {
            self.pass_env = variables(values).map_err(wrong)?;
            return Ok(());
        }
        let [text] = values else {
            return Err(wrong("takes one value".to_owned()));
        };
        match name {
            "working_directory" | "python_path" | "ca_file" => {
                let path = std::path::absolute(text).map_err(|error| wrong(error.to_string()))?;
                match name {
                    "python_path" => self.python_path = Some(path),
                    "ca_file" => self.ca_file = Some(path),
                    _ => self.working_directory = Some(path),
                }
            }
            "max_jobs" | "output_mib" | "journal_mib" => {
                let most = text.parse().ok().filter(|most| *most > 0);
                let most = most.ok_or_else(|| {
                    wrong(format!("{text:?} is not a number above 0\nHint: `runt workstation config unset {name}` brings the default back"))
                })?;
                match name {
                    "max_jobs" => self.max_jobs = Some(most),
                    "output_mib" => self.output_mib = Some(most),
                    _ => self.journal_mib = Some(most),
                }
            }
            "job_memory" => self.limits.memory = Some(text.parse().map_err(wrong)?),
            "job_cpus" => self.limits.cpus = Some(text.parse().map_err(wrong)?),
            "nice" => {
                let nice = text
                    .parse()
                    .ok()
                    .filter(|nice| (1..=MOST_NICE).contains(nice));
                self.limits.nice = Some(nice.ok_or_else(|| {
                    wrong(format!("{text:?} is not a number from 1 to {MOST_NICE}"))
                })?);
            }
            "keep_days" => {
                let days = text.parse().ok().filter(|days| *days > 0);
                self.keep_days =
                    Some(days.ok_or_else(|| wrong(format!("{text:?} is not a number above 0")))?);
            }
            "keep_size" => self.keep_size = Some(text.parse().map_err(wrong)?),
            "idle_minutes" => {
                let minutes = text.parse().ok().filter(|most| *most <= IDLE_MINUTES);
                self.idle_minutes = Some(minutes.ok_or_else(|| {
                    wrong(format!(
                        "{text:?} is not a number of minutes up to {IDLE_MINUTES}\nHint: 0 keeps kernels for ever"
                    ))
                })?);
            }
            "environments" => {
                if !matches!(text.as_str(), "on" | "off") {
                    return Err(wrong(format!("{text:?} is neither on nor off")));
                }
                self.environments = Some(text.clone());
            }
            "warm_kernels" => {
                let size = text.parse().ok();
                let size = size.filter(|size| *size <= MOST_WARM_KERNELS);
                self.warm_kernels = Some(size.ok_or_else(|| {
                    wrong(format!(
                        "{text:?} is not a number from 0 to {MOST_WARM_KERNELS}"
                    ))
                })?);
            }
            _ => {
                if !matches!(text.as_str(), "end" | "detach") {
                    return Err(wrong(format!("{text:?} is neither end nor detach")));
                }
                self.on_stop = Some(text.clone());
            }
        }
        Ok(())
    }
}

/// Names of environment variables.
fn variables(values: &[String]) -> Result<Vec<String>, String> {
    let names = values.iter().flat_map(|value| value.split(','));
    let names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0', ' ']);
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(format!(
            "{name:?} is no name of an environment variable\nHint: give names only; their values are taken from where the agent is started"
        )),
        None => Ok(names),
    }
}

/// Notebook ids and principals, given one by one or with commas between them.
fn allowed(values: &[String]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = values
        .iter()
        .flat_map(|text| text.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.dedup();
    if names.len() > ALLOW_LIMIT {
        return Err(format!("more than {ALLOW_LIMIT} names"));
    }
    match names
        .iter()
        .find(|name| name.chars().any(char::is_control) || name.contains('/'))
    {
        Some(wrong) => Err(format!(
            "{wrong:?} is neither a notebook's id nor a principal\nHint: a notebook's id stands in its address behind /n/; a principal looks like user:local:owner"
        )),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_reads_back_and_comments_stay() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("runt/workstation.toml");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "# ours\nmax_jobs = 2 # enough\n").unwrap();
        let mut file = SettingsFile::open(&path).unwrap();
        let set =
            |file: &mut SettingsFile, name: &str, value: &str| file.set(name, &[value.to_owned()]);
        set(&mut file, "allow", "n1, user:local:ada").unwrap();
        set(&mut file, "working-directory", "/srv").unwrap();
        set(&mut file, "on_stop", "detach").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# ours") && text.contains("# enough"),
            "{text}"
        );
        let settings = SettingsFile::open(&path).unwrap().settings().unwrap();
        assert_eq!(settings.max_jobs, Some(2));
        assert_eq!(settings.allow, ["n1", "user:local:ada"]);
        assert_eq!(
            settings.working_directory.as_deref(),
            Some(Path::new("/srv"))
        );
        file.unset("allow").unwrap();
        assert!(file.settings().unwrap().allow.is_empty());
        for (name, value) in [
            ("max_jobs", "0"),
            ("idle_minutes", "43201"),
            ("idle_minutes", "-1"),
            ("on_stop", "kill"),
            ("environments", "maybe"),
            ("warm_kernels", "-1"),
            ("warm_kernels", "100"),
            ("allow", "a/b"),
            ("x", "1"),
        ] {
            assert!(set(&mut file, name, value).is_err(), "{name}");
        }
        assert_eq!(file.settings().unwrap().max_jobs, Some(2));
        set(&mut file, "idle-minutes", "0").unwrap();
        assert_eq!(file.settings().unwrap().idle_minutes, Some(0));
    }

    #[test]
    fn a_broken_file_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("workstation.toml");
        for text in [
            "max_jobs = ",
            "max_job = 1",
            "allow = true",
            "max_jobs = [\"a\", \"b\"]",
        ] {
            fs::write(&path, text).unwrap();
            let read = SettingsFile::open(&path).and_then(|file| file.settings());
            assert!(read.is_err(), "{text}");
        }
    }
}
