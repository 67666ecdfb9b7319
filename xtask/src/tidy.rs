//! What clippy cannot check: file and function sizes, crate docs, and the floors.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::tools::{self, files, has_extension, root};

/// Code lines (neither blank nor comment) that a source file may have.
const FILE_LIMIT: usize = 500;
/// Code lines that a function may have.
const FUNCTION_LIMIT: usize = 100;

/// The floor of each crate; a crate may use only crates of lower floors, or of its own floor where `SIBLINGS` says so.
const FLOORS: &[(&str, u8)] = &[
    ("wire", 0),
    ("documents", 1),
    ("downloads", 1),
    ("room", 2),
    ("session-core", 2),
    ("agent-core", 2),
    ("store", 2),
    ("control-plane", 2),
    ("cloud-client", 3),
    ("meter", 3),
    ("kernel", 3),
    ("store-sql", 3),
    ("blob-store", 3),
    ("server", 3),
    ("runtime-peer", 3),
    ("workstation", 3),
    ("runt", 4),
    ("runtimed", 4),
    ("notebook-cloud", 4),
    ("testkit", 5),
    ("processes", 6),
    ("bench", 7),
    ("loadtest", 7),
    ("xtask", 6),
];

/// Dependencies within one floor that the design has.
const SIBLINGS: &[(&str, &str)] = &[
    ("control-plane", "store"),
    ("server", "store-sql"),
    ("server", "blob-store"),
    ("runtime-peer", "kernel"),
    ("runtime-peer", "cloud-client"),
    ("runtime-peer", "meter"),
    ("workstation", "cloud-client"),
    ("workstation", "meter"),
];

/// Crates that must stay free of I/O.
const SANS_IO: &[&str] = &[
    "wire",
    "documents",
    "room",
    "session-core",
    "agent-core",
    "control-plane",
    "store",
];
/// What crates do I/O by, so that those free of it may not depend on it; tests of theirs may.
const IO_CRATES: &[&str] = &[
    "tokio",
    "axum",
    "reqwest",
    "sqlx",
    "hyper",
    "tokio-tungstenite",
    "nix",
    "rustix",
];

/// Runs every check and reports all problems at once.
pub fn run() -> Result<()> {
    let mut problems = Vec::new();
    floors(&mut problems)?;
    sizes(&mut problems);
    crate_docs(&mut problems);
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("tidy found {} problem(s)", problems.len())
}

fn floors(problems: &mut Vec<String>) -> Result<()> {
    let Some(text) = tools::output(
        "cargo",
        &[
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ],
    ) else {
        bail!("`cargo metadata` failed");
    };
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let metadata: Value = serde_json::from_str(&text)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(&floor) = floors.get(name) else {
            problems.push(format!(
                "crate `{name}` has no floor: add it to xtask/src/tidy.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            if SANS_IO.contains(&name) && IO_CRATES.contains(&other) {
                problems.push(format!(
                    "`{name}` is a sans-I/O crate and may not depend on `{other}`"
                ));
            }
            if let Some(&below) = floors.get(other)
                && below >= floor
                && !SIBLINGS.contains(&(name, other))
            {
                problems.push(format!(
                    "`{name}` (floor {floor}) may not depend on `{other}` (floor {below})"
                ));
            }
        }
    }
    Ok(())
}

fn sizes(problems: &mut Vec<String>) {
    let sources = files(&root(), &|path| {
        has_extension(path, &["rs", "ts", "tsx", "css"])
    });
    for path in sources {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let shown = shown(&path);
        let first = text.lines().next().unwrap_or_default();
        if text.lines().take(3).any(|line| line.contains("generated:")) {
            continue;
        }
        let count = text.lines().filter(|line| is_code(line)).count();
        if count > FILE_LIMIT && !first.contains("long:") {
            problems.push(format!(
                "{shown} has {count} code lines (limit {FILE_LIMIT}): split it"
            ));
        }
        if has_extension(&path, &["rs"]) {
            functions(&shown, &text, problems);
        }
    }
}

/// Rustfmt indents a function's closing brace exactly like its `fn` line, so the end is found by indentation.
fn functions(shown: &str, text: &str, problems: &mut Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let head = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ");
        let head = head
            .trim_start_matches("pub(super) ")
            .trim_start_matches("async ");
        if !head.starts_with("fn ") {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[start..].iter().position(|line| *line == close) else {
            continue;
        };
        let code = lines[start..start + length]
            .iter()
            .filter(|line| is_code(line))
            .count();
        if code > FUNCTION_LIMIT {
            problems.push(format!(
                "{shown}:{} function of {code} code lines (limit {FUNCTION_LIMIT})",
                start + 1
            ));
        }
    }
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//") && !line.starts_with('*') && !line.starts_with("/*")
}

fn crate_docs(problems: &mut Vec<String>) {
    for path in files(&root(), &|path| {
        path.ends_with("src/lib.rs") || path.ends_with("src/main.rs")
    }) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if !text.starts_with("//!") && !text.starts_with("#!") {
            problems.push(format!(
                "{} does not start with a `//!` that says what it is for",
                shown(&path)
            ));
        }
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
