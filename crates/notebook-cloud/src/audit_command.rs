//! `notebook-cloud audit`: the audit trail on the server's console.

use anyhow::Result;
use clap::Args;
use server::audit::{self, AuditLine, AuditOf};

use crate::settings_args::PlaceArgs;

/// Print the audit trail, newest line first.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only what concerns this notebook.
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    notebook: Option<String>,
    /// Only what this person did or what was done to them.
    #[arg(long, value_name = "PRINCIPAL")]
    person: Option<String>,
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Runs the command; beside a running server too.
pub async fn run(args: &AuditArgs) -> Result<()> {
    let of = match (&args.notebook, &args.person) {
        (Some(id), _) => AuditOf::Notebook(id),
        (None, Some(principal)) => AuditOf::Person(principal),
        (None, None) => AuditOf::All,
    };
    let lines = audit::newest(&args.place.settings()?, of, args.limit.into()).await?;
    for line in &lines {
        if args.json {
            println!("{}", as_json(line));
        } else {
            println!("{}", as_text(line));
        }
    }
    Ok(())
}

fn as_text(line: &AuditLine) -> String {
    let told = [
        ("notebook", &line.notebook_id),
        ("subject", &line.subject),
        ("detail", &line.detail),
    ];
    let told = told
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)));
    let first = [
        audit::time(line.at_ms),
        line.actor_label.clone(),
        line.action.clone(),
    ];
    first.into_iter().chain(told).collect::<Vec<_>>().join("  ")
}

fn as_json(line: &AuditLine) -> serde_json::Value {
    serde_json::json!({
        "id": line.id,
        "at": audit::time(line.at_ms),
        "actor_label": line.actor_label,
        "action": line.action,
        "notebook_id": line.notebook_id,
        "subject": line.subject,
        "detail": line.detail,
    })
}
