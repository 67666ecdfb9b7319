//! What a notebook declares, and the project file that says it to uv.

use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};
use serde::Deserialize;

use crate::failure::{FailureClass, LaunchFailure};

/// Most packages named in a summary.
const NAMED: usize = 3;

/// Requirements of a notebook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declaration {
    /// Which versions of Python will do.
    pub requires_python: Option<String>,
    /// Requirements as pip writes them.
    pub dependencies: Vec<String>,
    /// Settings for uv.
    pub uv: toml::Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Script {
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    tool: toml::Table,
}

impl Declaration {
    /// Reads the TOML of a PEP 723 block.
    pub fn from_script(text: &str) -> Result<Self, LaunchFailure> {
        let script: Script = toml::from_str(text).map_err(|error| {
            let what = format!(
                "the notebook's `# /// script` block is no valid TOML: {}",
                error.message()
            );
            misdeclared(what)
        })?;
        let uv = script.tool.get("uv").and_then(toml::Value::as_table);
        Self {
            requires_python: script.requires_python,
            dependencies: script.dependencies,
            uv: uv.cloned().unwrap_or_default(),
        }
        .checked()
    }

    /// Checks what uv would misunderstand.
    pub fn checked(self) -> Result<Self, LaunchFailure> {
        if let Some(asked) = &self.requires_python
            && let Err(error) = VersionSpecifiers::from_str(asked)
        {
            let line = error.to_string();
            let line = line.lines().next().unwrap_or_default();
            let what =
                format!("the notebook asks for the Python `{asked}`, which means nothing: {line}");
            return Err(misdeclared(what));
        }
        Ok(self)
    }

    /// Whether a version of Python will do.
    pub(super) fn accepts(&self, version: &str) -> bool {
        let Some(asked) = &self.requires_python else {
            return true;
        };
        let version = Version::from_str(version.trim_end_matches('+'));
        match (VersionSpecifiers::from_str(asked), version) {
            (Ok(asked), Ok(version)) => asked.contains(&version),
            _ => true,
        }
    }

    /// The text of a `pyproject.toml` with these and another requirement.
    pub(super) fn project(&self, further: &str) -> String {
        let strings = |list: &mut dyn Iterator<Item = &str>| -> toml::Value {
            list.map(toml::Value::from).collect::<Vec<_>>().into()
        };
        let mut all = self
            .dependencies
            .iter()
            .map(String::as_str)
            .chain([further]);
        let mut project = toml::Table::new();
        project.insert("name".to_owned(), "notebook-environment".into());
        project.insert("version".to_owned(), "0".into());
        project.insert("dependencies".to_owned(), strings(&mut all));
        let mut file = toml::Table::new();
        file.insert("project".to_owned(), project.into());
        if !self.uv.is_empty() {
            let tool = toml::Table::from_iter([("uv".to_owned(), self.uv.clone().into())]);
            file.insert("tool".to_owned(), tool.into());
        }
        file.to_string()
    }

    /// The first packages by name and how many more there are.
    pub(super) fn summary(&self) -> String {
        let name = |text: &String| {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
            text[..end.unwrap_or(text.len())].to_owned()
        };
        let names: Vec<String> = self.dependencies.iter().take(NAMED).map(name).collect();
        match self.dependencies.len() {
            0 => "the kernel".to_owned(),
            more if more > NAMED => format!("{} and {} more", names.join(", "), more - NAMED),
            _ => names.join(", "),
        }
    }
}

fn misdeclared(what: String) -> LaunchFailure {
    let mut failure = LaunchFailure::new(FailureClass::Misconfiguration, what);
    failure.hint = Some("mend it in the notebook, then restart the kernel".to_owned());
    failure
}
