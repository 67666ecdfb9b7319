//! Flags before environment before file before default, and the word for each where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Settings;
use super::secret_file::is_open_to_others;

/// What every environment variable begins with.
const PREFIX: &str = "NOTEBOOK_CLOUD_";
/// How alike a wrong key and the one that was perhaps meant must be (0 to 1).
const ALIKE: f64 = 0.75;
/// Keys whose values are never shown: the last word of a key.
const SECRET: &[&str] = &["secret", "password", "token", "access_key", "access_key_id"];
/// Secrets that a configuration file may hold only if nobody but its owner can read it.
const PRIVATE: &str = "s3.";

/// A setting given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The setting's key, for example `limits.json_body_bytes`.
    pub key: String,
    /// The flag as the person wrote it, for messages.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl Source {
    /// Whether it is a file that others may read.
    fn is_open_to_others(&self) -> bool {
        match self {
            Self::File(path) => is_open_to_others(path).unwrap_or(true),
            _ => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One setting as `config check` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key.
    pub key: String,
    /// The value, or a word in its place when it is a secret.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

/// The settings in force, where each came from, and everything that is wrong with them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, without the values that are wrong.
    pub settings: Settings,
    /// Every setting, in the order of the file.
    pub shown: Vec<Shown>,
    /// What keeps a server from starting.
    pub problems: Vec<String>,
    /// What it may start with, but somebody should know.
    pub warnings: Vec<String>,
}

/// The environment variable of a key.
pub fn environment_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Puts the layers on each other. Never fails: what is wrong is listed, so that one look finds all.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Loaded {
    let mut stack = Stack::new();
    if let Some(path) = file {
        stack.file(path);
    }
    stack.environment(environment);
    for flag in flags {
        if tells_a_secret(flag) {
            stack.problems.push(told_to_all(flag));
            continue;
        }
        let source = Source::Flag(flag.name.clone());
        stack.text(&flag.key, &flag.value, source);
    }
    stack.finish()
}

struct Stack {
    keys: Vec<String>,
    tree: Value,
    sources: BTreeMap<String, Source>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Stack {
    fn new() -> Self {
        let tree = serde_json::to_value(Settings::default()).unwrap_or_default();
        let mut keys = Vec::new();
        leaves(&tree, "", &mut keys);
        Self {
            keys,
            tree,
            sources: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn file(&mut self, path: &Path) {
        let place = format!("configuration file {}", path.display());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(cause) => {
                self.problems.push(format!(
                    "cannot read the {place}: {cause}\nHint: name a file that exists with --config"
                ));
                return;
            }
        };
        let given: Map<String, Value> = match toml::from_str(&text) {
            Ok(given) => given,
            Err(cause) => {
                self.problems.push(format!(
                    "the {place} is not TOML: {}",
                    cause.to_string().trim()
                ));
                return;
            }
        };
        self.table(&given, "", path);
    }

    fn table(&mut self, given: &Map<String, Value>, prefix: &str, path: &Path) {
        for (name, value) in given {
            let key = format!("{prefix}{name}");
            let deeper = format!("{key}.");
            match value {
                Value::Object(inner)
                    if self.keys.iter().any(|known| known.starts_with(&deeper)) =>
                {
                    self.table(inner, &deeper, path);
                }
                value => self.set(&key, value.clone(), Source::File(path.to_owned())),
            }
        }
    }

    fn environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let by_name: BTreeMap<String, String> = self
            .keys
            .iter()
            .map(|key| (environment_name(key), key.clone()))
            .collect();
        for (name, value) in environment {
            if !name.starts_with(PREFIX) {
                continue;
            }
            match by_name.get(&name) {
                Some(key) => self.text(&key.clone(), &value, Source::Environment(name)),
                // Clients have variables of that prefix too: no reason to stay away.
                None => self.warnings.push(format!(
                    "the environment variable {name} is no setting{}",
                    meant(&name, by_name.keys())
                )),
            }
        }
    }

    /// A value given as text takes the form that the setting has.
    fn text(&mut self, key: &str, text: &str, source: Source) {
        let list = |text: &str| {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect()
        };
        let value = match self.at(key) {
            Some(Value::Array(_)) => Value::Array(list(text)),
            // `1000` and `true` are a number and a flag; anything else stays text and is refused.
            Some(Value::Number(_) | Value::Bool(_)) => {
                serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            _ => Value::String(text.to_owned()),
        };
        self.set(key, value, source);
    }

    /// Takes one value if it is one that the setting can have.
    fn set(&mut self, key: &str, value: Value, source: Source) {
        if !self.keys.iter().any(|known| known == key) {
            let meant = meant(key, self.keys.iter());
            self.problems
                .push(format!("`{key}` ({source}) is no setting{meant}"));
            return;
        }
        let mut tree = self.tree.clone();
        let Some(place) = tree.pointer_mut(&pointer(key)) else {
            return;
        };
        *place = value;
        match serde_json::from_value::<Settings>(tree.clone()) {
            Ok(_) if is_secret(key) && key.starts_with(PRIVATE) && source.is_open_to_others() => {
                let place = environment_name(key);
                self.problems.push(format!(
                    "`{key}` is in a {source} that others can read\n\
                     Hint: `chmod 600` that file, or put it in the environment as {place}"
                ));
            }
            Ok(_) => {
                self.tree = tree;
                self.sources.insert(key.to_owned(), source);
            }
            Err(cause) => self
                .problems
                .push(format!("`{key}` ({source}) cannot be used: {cause}")),
        }
    }

    fn at(&self, key: &str) -> Option<&Value> {
        self.tree.pointer(&pointer(key))
    }

    fn finish(self) -> Loaded {
        let shown = self
            .keys
            .iter()
            .map(|key| Shown {
                key: key.clone(),
                value: shown(key, self.at(key)),
                source: self.sources.get(key).cloned().unwrap_or(Source::Default),
            })
            .collect();
        Loaded {
            // Each value was tried when it was set.
            settings: serde_json::from_value(self.tree).unwrap_or_default(),
            shown,
            problems: self.problems,
            warnings: self.warnings,
        }
    }
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('.', "/"))
}

fn leaves(value: &Value, key: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let deeper = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                leaves(member, &deeper, into);
            }
        }
        _ => into.push(key.to_owned()),
    }
}

/// Whether the value of a setting is for the server's eyes only.
fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|word| key.ends_with(word))
}

/// Whether a flag holds what nobody else may see: arguments can be read in the list of processes.
fn tells_a_secret(flag: &Flag) -> bool {
    is_secret(&flag.key) || without_password(&flag.value) != flag.value
}

fn told_to_all(flag: &Flag) -> String {
    let (key, name) = (&flag.key, &flag.name);
    let variable = environment_name(key);
    let file = if key == "database" {
        "leave the password out and name its file in `database_password_file`, or set the whole address"
    } else {
        "put it"
    };
    format!(
        "`{key}` (flag {name}) holds a secret, and everybody on this machine can read a command's arguments\n\
         Hint: {file} in the configuration file or in the environment as {variable}"
    )
}

fn shown(key: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(not set)".into(),
        Some(_) if is_secret(key) => "(set, not shown)".into(),
        Some(Value::String(text)) => without_password(text),
        Some(value) => value.to_string(),
    }
}

/// An address with the password left out that stands between `:` and `@`, or in its query.
fn without_password(text: &str) -> String {
    let hidden = || {
        if let Some((before, after)) = text.split_once("password=")
            && text.contains("://")
        {
            let rest = after.find('&').map_or("", |end| &after[end..]);
            return Some(format!("{before}password=…{rest}"));
        }
        let (scheme, rest) = text.split_once("://")?;
        let (user, place) = rest.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:…@{place}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

fn meant<'a>(wrong: &str, known: impl Iterator<Item = &'a String>) -> String {
    known
        .map(|key| (strsim::jaro_winkler(wrong, key), key))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map_or_else(
            || "\nHint: `notebook-cloud config check` lists the settings".into(),
            |(_, key)| format!("\nHint: did you mean `{key}`?"),
        )
}
