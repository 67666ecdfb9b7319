//! `docs/conformance.md`: for each numbered statement of the specs, the tests that bear its number, or why it is
//! deliberately different, or that it is not yet tested.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tools::{files, has_extension, root};

/// The specs: file, prefix of its statements, title.
const SPECS: &[(&str, &str, &str)] = &[
    ("control-plane.md", "CP", "Control plane"),
    ("room-protocol.md", "RP", "Room protocol"),
    ("documents.md", "DOC", "Documents"),
    ("workstation.md", "WS", "Workstation"),
];

#[derive(clap::Args)]
pub struct Options {
    /// Folder of the specs; refreshes docs/statements.txt when it is there.
    #[arg(long, default_value = "../shared/spec")]
    specs: PathBuf,
    /// Fail when docs/conformance.md is not what would be written.
    #[arg(long)]
    check: bool,
}

impl Options {
    /// The check that `cargo xtask test` makes.
    pub fn check_only() -> Self {
        Self {
            specs: PathBuf::from("../shared/spec"),
            check: true,
        }
    }
}

#[derive(Deserialize, Default)]
struct Deviations {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

#[derive(Deserialize)]
struct Deviation {
    id: String,
    reason: String,
}

/// Writes (or checks) the page.
pub fn run(options: &Options) -> Result<()> {
    let list = root().join("docs/statements.txt");
    let specs = root().join(&options.specs);
    if specs.join(SPECS[0].0).exists() && !options.check {
        std::fs::create_dir_all(root().join("docs"))?;
        std::fs::write(&list, read_statements(&specs)?)?;
    }
    let statements = std::fs::read_to_string(&list).context("docs/statements.txt is missing")?;
    let page = page(&statements, &tests_by_statement(), &deviations()?);
    let path = root().join("docs/conformance.md");
    if options.check {
        if std::fs::read_to_string(&path).unwrap_or_default() != page {
            bail!("docs/conformance.md is stale: run `cargo xtask conformance` and commit it");
        }
        return Ok(());
    }
    std::fs::write(&path, page)?;
    Ok(())
}

/// One line per statement, `ID<TAB>text`, in the order of the specs.
fn read_statements(specs: &Path) -> Result<String> {
    let mut lines = String::new();
    for (file, prefix, _) in SPECS {
        let text = std::fs::read_to_string(specs.join(file)).with_context(|| (*file).to_owned())?;
        let mut current: Option<(String, String)> = None;
        let mut flush = |current: &mut Option<(String, String)>| {
            if let Some((id, body)) = current.take() {
                let _ = writeln!(
                    lines,
                    "{id}\t{}",
                    body.split_whitespace().collect::<Vec<_>>().join(" ")
                );
            }
        };
        for line in text.lines() {
            let item = line.trim_start_matches("- ").trim_start_matches("**");
            if line.starts_with("- ") && item.starts_with(&format!("{prefix}-")) {
                flush(&mut current);
                let (id, rest) = item.split_once(' ').unwrap_or((item, ""));
                current = Some((id.trim_end_matches("**").to_owned(), rest.to_owned()));
            } else if line.starts_with("  ") && current.is_some() {
                if let Some((_, body)) = current.as_mut() {
                    body.push(' ');
                    body.push_str(line.trim());
                }
            } else {
                flush(&mut current);
            }
        }
        flush(&mut current);
    }
    Ok(lines)
}

/// Which test names each statement. A test bears a number in its name (`rp_012_…`) or in a comment or title directly
/// before it (`RP-012`).
fn tests_by_statement() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sources = files(&root(), &|path| {
        has_extension(path, &["rs", "ts", "tsx", "mjs"])
            && !path.components().any(|part| part.as_os_str() == "xtask")
    });
    for path in sources {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let shown = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        let mut pending: Vec<String> = Vec::new();
        for line in text.lines() {
            let ids = ids_in(line);
            let trimmed = line.trim_start();
            if let Some(name) = test_name(trimmed) {
                for id in pending.drain(..).chain(ids) {
                    let entry = format!("{shown}: {name}");
                    let tests = found.entry(id).or_default();
                    if !tests.contains(&entry) {
                        tests.push(entry);
                    }
                }
            } else if trimmed.starts_with("//") || trimmed.starts_with('*') {
                pending.extend(ids);
            } else if !trimmed.starts_with("#[") {
                pending.clear();
            }
        }
    }
    found
}

fn test_name(line: &str) -> Option<String> {
    let line = line.trim_start_matches("pub ").trim_start_matches("async ");
    if let Some(rest) = line.strip_prefix("fn ") {
        return Some(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
    }
    for call in ["test(", "it("] {
        if let Some(rest) = line.strip_prefix(call) {
            let quote = rest
                .chars()
                .next()
                .filter(|c| matches!(c, '"' | '\'' | '`'))?;
            return Some(rest[1..].split(quote).next().unwrap_or_default().to_owned());
        }
    }
    None
}

/// Statement ids in a line, in either spelling.
fn ids_in(line: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let upper = line.to_uppercase().replace('_', "-");
    for (_, prefix, _) in SPECS {
        for (at, _) in upper.match_indices(&format!("{prefix}-")) {
            if at > 0 && upper.as_bytes()[at - 1].is_ascii_alphanumeric() {
                continue;
            }
            let mut rest = &upper[at + prefix.len()..];
            // `RP-012` and the shorthand of names, `rp_012_013`.
            while let Some(digits) = rest.strip_prefix('-') {
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                if length != 3 {
                    break;
                }
                ids.push(format!("{prefix}-{}", &digits[..length]));
                rest = &digits[length..];
            }
        }
    }
    ids
}

fn deviations() -> Result<BTreeMap<String, String>> {
    let path = root().join("docs/deviations.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let parsed: Deviations = toml::from_str(&text).context("docs/deviations.toml")?;
    Ok(parsed
        .deviation
        .into_iter()
        .map(|entry| (entry.id, entry.reason))
        .collect())
}

fn page(
    statements: &str,
    tests: &BTreeMap<String, Vec<String>>,
    deviations: &BTreeMap<String, String>,
) -> String {
    let mut summary = String::new();
    let mut body = String::new();
    for (_, prefix, title) in SPECS {
        let (mut tested, mut different, mut open) = (0, 0, 0);
        let _ = writeln!(
            body,
            "\n## {title}\n\n| statement | state | where |\n|---|---|---|"
        );
        for line in statements
            .lines()
            .filter(|line| line.starts_with(&format!("{prefix}-")))
        {
            let id = line.split('\t').next().unwrap_or_default();
            let names = tests
                .get(id)
                .map(|names| names.join("<br>"))
                .unwrap_or_default();
            if let Some(reason) = deviations.get(id) {
                different += 1;
                let _ = writeln!(
                    body,
                    "| {id} | deliberately different: {reason} | {names} |"
                );
            } else if names.is_empty() {
                open += 1;
                let _ = writeln!(body, "| {id} | not yet | |");
            } else {
                tested += 1;
                let _ = writeln!(body, "| {id} | tested | {names} |");
            }
        }
        let _ = writeln!(summary, "| {title} | {tested} | {different} | {open} |");
    }
    format!(
        "# Conformance\n\nWritten by `cargo xtask conformance` from the specs' numbered statements and the tests that bear \
         their numbers; do not edit. *Tested* means that at least one test names the statement. Reasons of deliberate \
         differences are kept in `docs/deviations.toml`.\n\n| spec | tested | deliberately different | not yet |\n\
         |---|---|---|---|\n{summary}{body}"
    )
}
