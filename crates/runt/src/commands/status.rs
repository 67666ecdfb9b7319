//! `runt workstation status`: this machine's agent, and what the cloud knows of the owner's workstations
//! (workstation.md 2.9).

use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use cloud_client::{BaseUrl, CloudClient, CloudError, RefusalKind};
use serde::Serialize;
use serde_json::{Value, json};
use workstation::{
    CLOCK_HINT, ControlError, Fit, LimitsInForce, Protection, ResolvedCredential, StoredCredential,
    TOKEN_VARIABLE, clock_words, find_runtimed, installed_build, living_jobs, probe_protection,
    resolve_credential,
};

use super::{Here, printable, served};
use crate::printer::Printer;
use crate::words;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the cloud's answer, with `this_machine` added, as JSON.
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

/// What can be said without the cloud.
#[derive(Debug, Serialize)]
struct ThisMachine {
    workstation_id: String,
    display_name: String,
    cloud_url: String,
    /// `file` or `environment`.
    credential: &'static str,
    /// Where it is stored.
    credential_file: Option<String>,
    /// When this machine was paired.
    connected_at: Option<String>,
    /// Whether notebook code is kept from the credential and the agent.
    protected: bool,
    /// Why it is not.
    unprotected_because: Option<String>,
    /// Why no kernel can be protected now, and so none be started.
    protection_trouble: Option<String>,
    /// The running agent.
    agent: Option<Agent>,
    /// An agent that runs and does not answer.
    agent_trouble: Option<String>,
    /// Notebooks whose kernels go on though no agent runs.
    unattended: usize,
}

#[derive(Debug, Serialize)]
struct Agent {
    pid: u32,
    version: String,
    registered: bool,
    connected: bool,
    draining: bool,
    trouble: Option<String>,
    /// Why nothing can be stored on this machine, so that nothing new is taken.
    storage: Option<String>,
    notebooks: usize,
    allow: Vec<String>,
    max_jobs: Option<u32>,
    /// What one notebook may take, and for what that holds on this machine.
    limits: LimitsInForce,
    clock_skew_ms: Option<i64>,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let credential = resolve_credential(&here.env, &here.folders)?;
    let machine = look(&here, &credential).await;
    let client = CloudClient::new(&here.network(None)?, credential.base.clone())?
        .with_token(credential.token.clone());
    let answer = client
        .list_workstations()
        .await
        .map_err(|error| explain(error, &credential.base));
    if args.json {
        let mut body = match &answer {
            Ok(body) => body.clone(),
            Err(error) => json!({ "ok": false, "error": error.to_string() }),
        };
        if let Some(members) = body.as_object_mut() {
            members.insert("this_machine".to_owned(), serde_json::to_value(&machine)?);
        }
        printer.json(&body)?;
        return answer.map(drop);
    }
    for (name, text) in machine.lines() {
        printer.line(&format!("{name:<13} {text}"));
    }
    printer.line("");
    let body = answer?;
    if let Some(told) = Fit::of(&body, &installed_build()).told() {
        printer.line(&format!("{:<13} {}: {told}", "Version:", installed_build()));
        printer.line("Hint: runt upgrade");
        printer.line("");
    }
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

fn explain(error: CloudError, base: &BaseUrl) -> anyhow::Error {
    match error.refusal().map(cloud_client::Refusal::kind) {
        Some(RefusalKind::Unauthorized | RefusalKind::Forbidden) => anyhow!(
            "{base} rejects this machine's credential; {}\nHint: pair again with `runt workstation connect {base}`",
            // A server that was restored from a backup says so.
            error
                .refusal()
                .and_then(|refusal| refusal.body.get("hint")?.as_str())
                .unwrap_or("it may have been revoked")
        ),
        _ => error.into(),
    }
}

async fn look(here: &Here, credential: &ResolvedCredential) -> ThisMachine {
    let path = here.folders.credential_file();
    let from_file = here.env.get(TOKEN_VARIABLE).is_none();
    let stored = StoredCredential::read(&path)
        .ok()
        .flatten()
        .filter(|_| from_file);
    let (agent, trouble) = match here.agent().await {
        Ok(agent) => (agent, None),
        Err(error) => (None, Some(first_line(&error))),
    };
    let unattended = match (&agent, &trouble) {
        (None, None) => living_jobs(&here.folders, &here.workstation_id),
        _ => 0,
    };
    let Protection {
        unprotected,
        trouble: protection_trouble,
    } = protection().await;
    ThisMachine {
        workstation_id: credential.workstation_id.clone(),
        display_name: credential.display_name.clone(),
        cloud_url: credential.base.to_string(),
        credential: if from_file { "file" } else { "environment" },
        credential_file: from_file.then(|| path.display().to_string()),
        connected_at: stored.map(|stored| stored.connected_at),
        protected: unprotected.is_none(),
        unprotected_because: unprotected,
        protection_trouble,
        agent: agent.map(|agent| Agent {
            pid: agent.pid,
            version: agent.version,
            registered: agent.status.registered,
            connected: agent.status.connected,
            draining: agent.status.draining,
            notebooks: served(&agent.status),
            trouble: agent.status.trouble,
            storage: agent.status.storage,
            allow: agent.status.allow,
            max_jobs: agent.status.max_jobs,
            limits: agent.limits,
            clock_skew_ms: agent.status.clock_skew_ms,
        }),
        agent_trouble: trouble,
        unattended,
    }
}

/// Whether the daemon here keeps kernels from secrets.
async fn protection() -> Protection {
    let own = std::env::current_exe().unwrap_or_default();
    match find_runtimed(&own) {
        Ok(daemon) => probe_protection(&daemon).await,
        Err(error) => Protection {
            unprotected: error.to_string().lines().next().map(str::to_owned),
            trouble: None,
        },
    }
}

fn first_line(error: &anyhow::Error) -> String {
    let told = error
        .downcast_ref::<ControlError>()
        .map_or_else(|| error.to_string(), ToString::to_string);
    told.lines().next().unwrap_or_default().to_owned()
}

impl ThisMachine {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let credential = match (&self.credential_file, &self.connected_at) {
            (None, _) => format!("from the environment ({TOKEN_VARIABLE})"),
            (Some(path), None) => path.clone(),
            (Some(path), Some(when)) => format!("{path}, paired {}", printable(when)),
        };
        let mut lines = vec![
            ("Cloud:", self.cloud_url.clone()),
            (
                "This machine:",
                format!("{} ({})", self.workstation_id, self.display_name),
            ),
            ("Credential:", credential),
            ("Kernels:", self.protection_line()),
            ("Agent:", self.agent_line()),
        ];
        if let Some(agent) = &self.agent {
            let mut limits = Vec::new();
            if let Some(most) = agent.max_jobs {
                limits.push(format!(
                    "at most {}",
                    words::count(most as usize, "notebook")
                ));
            }
            if !agent.allow.is_empty() {
                limits.push(format!("only for {}", printable(&agent.allow.join(", "))));
            }
            if !limits.is_empty() {
                lines.push(("Serves:", limits.join("; ")));
            }
            lines.push(("Limits:", printable(&agent.limits.line())));
            if let Some(trouble) = &agent.storage {
                lines.push(("Disk:", format!("no new notebooks: {}", printable(trouble))));
            }
            if let Some(words) = agent.clock_skew_ms.and_then(clock_words) {
                lines.push(("Clock:", format!("{words}; {CLOCK_HINT}")));
            }
            if let Some(trouble) = &agent.trouble {
                lines.push(("Trouble:", printable(trouble)));
            }
        }
        lines
    }

    fn protection_line(&self) -> String {
        match (&self.unprotected_because, &self.protection_trouble) {
            (Some(why), _) => format!(
                "unprotected: notebook code can read the credential; {}",
                printable(why)
            ),
            (None, Some(why)) => format!("cannot be started: {}", printable(why)),
            (None, None) => {
                "protected: notebook code reaches neither credential nor agent".to_owned()
            }
        }
    }

    fn agent_line(&self) -> String {
        if let Some(trouble) = &self.agent_trouble {
            return trouble.clone();
        }
        let Some(agent) = &self.agent else {
            return match self.unattended {
                0 => "not running".to_owned(),
                left => format!(
                    "not running; {} left unattended: `runt workstation run` takes over, `stop --all` ends them",
                    words::count(left, "notebook")
                ),
            };
        };
        let link = match (agent.registered, agent.connected) {
            (false, _) => "not registered yet",
            (true, false) => "registered, polling",
            (true, true) => "connected",
        };
        let draining = if agent.draining { ", draining" } else { "" };
        format!(
            "running (process {}, {}), {link}, {}{draining}",
            agent.pid,
            agent.version,
            words::count(agent.notebooks, "notebook")
        )
    }
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
