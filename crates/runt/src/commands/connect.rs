//! `runt workstation connect`: turns a pairing code into a stored credential (workstation.md 2.6).

use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use cloud_client::{BaseUrl, CloudClient, CloudError, RefusalKind};
use workstation::{
    MachineFacts, MachineName, SettingsFile, StoredCredential, check_display_name,
    check_workstation_id, default_workstation_id, hostname, mark_per_account, minimal_registration,
    pairs_per_account, script_connector_note, with_machine,
};

use super::Here;
use crate::printer::{Plain, Printer};

/// How a cloud says that it takes a pairing code not, or not any more.
const CODE_REFUSED: &str = "pairing code is invalid, expired, or already used";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cloud's address, for example https://cloud.example.org.
    #[arg(env = "RUNT_CLOUD_URL")]
    url: String,
    /// The pairing code, `-` to read it from standard input [default: asked for].
    #[arg(long)]
    code: Option<String>,
    /// This machine's id [default: from the hostname].
    #[arg(long)]
    id: Option<String>,
    /// This machine's name for people [default: the hostname].
    #[arg(long)]
    name: Option<String>,
    /// A PEM file of certificate authorities that count besides the system's; it is kept as the setting `ca_file`.
    #[arg(long)]
    ca_file: Option<PathBuf>,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let env = &here.env;
    let base = BaseUrl::parse(&args.url, env.allows_insecure_http())?.without_page();
    let network = here.network(args.ca_file.as_deref())?;
    let path = here.folders.credential_file();
    let host = hostname(env);
    let workstation_id = match &args.id {
        Some(id) => check_workstation_id(id)?,
        None => default_workstation_id(&host),
    };
    let display_name = check_display_name(args.name.as_deref().unwrap_or_default(), &host);
    if let Some(note) = script_connector_note(env) {
        printer.warn(&note);
    }
    // Before the code is spent.
    StoredCredential::check_writable(&path)?;
    let code = match args.code {
        Some(code) if code.trim() == "-" => read_code()?,
        Some(code) => code,
        None if printer.no_input() => bail!(
            "no pairing code was given, and --no-input forbids asking\nHint: hand it over with --code, or on standard input with --code -"
        ),
        None => {
            if printer.may_ask() {
                printer.ask("Pairing code (XXXX-XXXX-XXXX):");
            }
            read_code()?
        }
    };
    let code = code.trim();
    if code.is_empty() {
        bail!(
            "no pairing code was given\nHint: choose \"Add a machine\" in the workstations panel of {base} to get one"
        );
    }

    let client = CloudClient::new(&network, base.clone())?;
    let paired = match client.redeem_pairing_code(code, &host).await {
        Ok(paired) => paired,
        Err(error) => return Err(refused(error, &client).await),
    };
    let per_account = pairs_per_account(&path);
    let mut stored = StoredCredential {
        cloud_url: base.to_string(),
        token: paired.token.clone(),
        credential_id: paired.credential_id,
        workstation_id,
        display_name,
        connected_at: now(),
    };
    stored
        .write(&path)
        .context("the code is spent, but its credential could not be stored")?;
    if per_account {
        mark_per_account(&path).context("cannot write beside the credential")?;
    }
    printer.line(&format!("Paired with {base}"));
    printer.line(&format!("Credential stored in {}", path.display()));
    if let Some(file) = &args.ca_file {
        let mut settings = SettingsFile::open(&here.folders.settings_file())?;
        settings.set("ca_file", &[file.display().to_string()])?;
        printer.line("Setting ca_file kept for the agent");
    }

    let machine = MachineName::detect(env, Some(&path));
    let client = client.with_token(paired.token);
    let mut result = register(&client, &stored, &machine).await;
    // A machine of the same name was first, and no id was asked for: this one gets a longer one.
    if let (Err(error), None) = (&result, &args.id)
        && error.refusal().and_then(cloud_client::Refusal::code) == Some("workstation_id_taken")
        && let Some(other) = machine.other_id(&stored.workstation_id)
    {
        stored.workstation_id = other;
        stored.write(&path)?;
        result = register(&client, &stored, &machine).await;
    }
    match result {
        Ok(()) => printer.line(&format!(
            "Registered {} ({}) with {base}",
            stored.display_name, stored.workstation_id
        )),
        Err(error) => printer.warn(&format!(
            "{error}\nHint: `runt workstation run` will try again"
        )),
    }
    printer.line("");
    printer.line("Next: serve this machine's kernels with");
    printer.line("  runt workstation run");
    if cfg!(target_os = "linux") {
        printer.line("or, to keep it running, with");
        printer.line("  runt workstation service install --start");
    }
    Ok(())
}

async fn register(
    client: &CloudClient,
    stored: &StoredCredential,
    machine: &MachineName,
) -> Result<(), CloudError> {
    let directory = std::env::current_dir().ok();
    let payload = minimal_registration(
        &stored.workstation_id,
        &stored.display_name,
        directory.as_deref(),
        MachineFacts::detect(),
    );
    client
        .register(&with_machine(payload, machine))
        .await
        .map(drop)
}

fn read_code() -> Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the pairing code")?;
    Ok(line)
}

/// Why no credential came, with what to do about it.
async fn refused(error: CloudError, client: &CloudClient) -> anyhow::Error {
    let base = client.base();
    let is_elsewhere = error.refusal().is_some_and(|refusal| {
        refusal.kind() == RefusalKind::NotFound && refusal.error_text() != Some(CODE_REFUSED)
    });
    if is_elsewhere && !client.is_cloud().await {
        return anyhow::anyhow!(
            "no notebook cloud answers at {base}; the pairing code was not used\n\
             Hint: give the address of the cloud's first page, for example https://cloud.example.org"
        );
    }
    explain(error, base)
}

fn explain(error: CloudError, base: &BaseUrl) -> anyhow::Error {
    let kind = error.refusal().map(cloud_client::Refusal::kind);
    let said = error.refusal().and_then(cloud_client::Refusal::error_text);
    match kind {
        // Any other address answers 404, too.
        Some(RefusalKind::NotFound) if said == Some(CODE_REFUSED) => Plain(format!(
            "The pairing code is invalid, expired or already used; get a new one from the workstations panel of {base}."
        ))
        .into(),
        Some(RefusalKind::RateLimited) => {
            let wait = error.refusal().and_then(|r| r.retry_after).map_or(60, |wait| wait.as_secs().max(1));
            anyhow::anyhow!("{error}\nHint: too many attempts; try again in {wait} seconds")
        }
        // What the cloud says to people has a hint of its own.
        _ => match said.filter(|said| said.contains("\nHint: ")) {
            Some(said) => anyhow::anyhow!("{said}"),
            None => error.into(),
        },
    }
}

/// The time in RFC 3339, UTC, to the second.
fn now() -> String {
    let timestamp = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use cloud_client::Refusal;
    use serde_json::json;

    use super::*;

    fn told(status: u16, error: &str) -> String {
        let base = BaseUrl::parse("http://localhost:8080", true).unwrap();
        let refused = Refusal {
            call: "redeeming the code",
            status,
            body: json!({ "error": error }),
            in_cloud_words: true,
            snippet: error.to_owned(),
            retry_after: None,
        };
        explain(CloudError::Refused(Box::new(refused)), &base).to_string()
    }

    // Every address answers 404 to what it does not know; only the cloud's own words say that it is the code.
    #[test]
    fn only_a_cloud_says_that_a_code_is_bad() {
        let bad = "The pairing code is invalid";
        assert!(told(404, CODE_REFUSED).starts_with(bad));
        assert!(!told(404, "not found").contains(bad));
        let hint = "http://localhost:8080 shows outputs only\nHint: use http://127.0.0.1:8080";
        assert_eq!(told(421, hint), hint);
    }
}
