//! `runt workstation doctor`: names what keeps this machine from serving, and what helps.

use std::process::ExitCode;

use anstyle::AnsiColor;
use anyhow::Result;
use serde_json::json;
use workstation::{Finding, Level, Patient, examine};

use super::{Here, config, printable};
use crate::printer::Printer;
use crate::words;

/// Exit code when nothing is worse than a warning.
const WARNINGS: u8 = 3;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, printer: &Printer) -> Result<ExitCode> {
    let here = Here::find()?;
    let settings = config::settings(&here).map_err(|error| error.to_string());
    let patient = Patient {
        env: here.env,
        folders: here.folders,
        workstation_id: here.workstation_id,
        settings,
        program: std::env::current_exe()?,
    };
    let findings = examine(&patient).await;
    let worst = findings.iter().map(|finding| finding.level).max();
    if args.json {
        printer.json(&json!({ "worst": worst, "findings": findings }))?;
    } else {
        for finding in &findings {
            show(finding, printer);
        }
        printer.note(&summary(&findings));
    }
    Ok(match worst {
        Some(Level::Problem) => ExitCode::FAILURE,
        Some(Level::Warning) => ExitCode::from(WARNINGS),
        Some(Level::Ok) | None => ExitCode::SUCCESS,
    })
}

fn show(finding: &Finding, printer: &Printer) {
    let (mark, color) = match finding.level {
        Level::Ok => ("ok     ", AnsiColor::Green),
        Level::Warning => ("warning", AnsiColor::Yellow),
        Level::Problem => ("problem", AnsiColor::Red),
    };
    let mut lines = finding.message.lines().map(printable);
    let first = lines.next().unwrap_or_default();
    printer.marked(mark, color, &format!("  {:<12} {first}", finding.check));
    let more = lines.chain(
        finding
            .hint
            .iter()
            .map(|hint| format!("Hint: {}", printable(hint))),
    );
    for line in more {
        printer.line(&format!("{:<22} {line}", ""));
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| {
        findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    match (count(Level::Problem), count(Level::Warning)) {
        (0, 0) => "\nNothing keeps this machine from serving.".to_owned(),
        (problems, warnings) => format!(
            "\n{}, {}",
            words::count(problems, "problem"),
            words::count(warnings, "warning")
        ),
    }
}
