//! `runt workstation status`: what the cloud knows of the owner's workstations (workstation.md 2.9).

use std::fmt::Write as _;

use anyhow::{Result, bail};
use cloud_client::{CloudClient, RefusalKind};
use serde_json::Value;
use workstation::{Env, Folders, resolve_credential};

use super::printable;
use crate::printer::Printer;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the cloud's answer as JSON.
    #[arg(long)]
    json: bool,
}

const COLUMNS: [(&str, usize, &str); 6] = [
    ("WORKSTATION", 28, "workstation_id"),
    ("NAME", 24, "display_name"),
    ("STATUS", 9, "status"),
    ("CHANNEL", 8, "channel"),
    ("BUILD", 24, "installed_build"),
    ("LAST SEEN", 25, "last_seen_at"),
];

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let env = Env::of_process();
    let credential = resolve_credential(&env, &Folders::find(&env)?)?;
    let base = &credential.base;
    let client = CloudClient::new(base.clone())?.with_token(credential.token.clone());
    let body = match client.list_workstations().await {
        Ok(body) => body,
        Err(error) => match error.refusal().map(cloud_client::Refusal::kind) {
            Some(RefusalKind::Unauthorized | RefusalKind::Forbidden) => bail!(
                "{base} rejects this machine's credential; {}\nHint: pair again with `runt workstation connect {base}`",
                // A server that was restored from a backup says so.
                error
                    .refusal()
                    .and_then(|refusal| refusal.body.get("hint")?.as_str())
                    .unwrap_or("it may have been revoked")
            ),
            _ => return Err(error.into()),
        },
    };
    if args.json {
        printer.line(&serde_json::to_string_pretty(&body)?);
        return Ok(());
    }
    printer.line(&format!("Cloud: {base}"));
    printer.line(&format!(
        "This machine: {} ({})",
        credential.workstation_id, credential.display_name
    ));
    printer.line("");
    let rows = body
        .get("workstations")
        .and_then(Value::as_array)
        .filter(|rows| !rows.is_empty());
    let Some(rows) = rows else {
        printer.line("No workstation is registered yet.");
        printer.line("Hint: start the agent with `runt workstation run`");
        return Ok(());
    };
    let mut header = String::new();
    for (title, width, _) in COLUMNS {
        let _ = write!(header, "{title:<width$} ");
    }
    printer.line(&format!("{header}DEFAULT"));
    for row in rows {
        printer.line(&table_row(row));
    }
    Ok(())
}

fn table_row(row: &Value) -> String {
    let mut line = String::new();
    for (_, width, field) in COLUMNS {
        let value = row.get(field).and_then(Value::as_str).map(printable);
        let value = value
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "-".to_owned());
        let _ = write!(line, "{value:<width$} ");
    }
    if row.get("is_default") == Some(&Value::Bool(true)) {
        line.push('*');
    }
    line.trim_end().to_owned()
}
