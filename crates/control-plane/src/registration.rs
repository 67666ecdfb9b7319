//! Registration and heartbeat: one body, fully replacing the row (2.10).

use serde_json::{Map, Value, json};
use store::{Registration, Workstation, Workstations};

use crate::workstations::{WorkstationView, view};
use crate::{Caller, Fields, Refusal, Result, credentials, limits};

/// Words that are paths of their own beside `/api/workstations/:id`.
const RESERVED: [&str; 3] = ["default", "credentials", "pairing-codes"];

/// The fields of a registration, checked but not yet somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationInput(Registration);

/// Refuses a caller who may not register; runs before the body is read.
pub fn may_register(caller: &Caller) -> Result<()> {
    caller.manages("sign in to manage workstations")
}

/// Checks a registration body.
pub fn parse(body: &Map<String, Value>) -> Result<RegistrationInput> {
    let fields = Fields::new(body);
    let workstation_id = fields.required("workstation_id", limits::ID)?;
    check_id(&workstation_id)?;
    let display_name = fields
        .optional("display_name", 160)?
        .unwrap_or_else(|| workstation_id.clone());
    Ok(RegistrationInput(Registration {
        workstation_id,
        display_name,
        provider: fields
            .optional("provider", 80)?
            .unwrap_or_else(|| "runtime_peer".to_owned()),
        provider_label: fields.optional("provider_label", 120)?,
        status_message: fields.optional_words("status_message", 240)?,
        default_environment_label: fields.optional("default_environment_label", 160)?,
        environment_policy: fields.optional("environment_policy", 80)?,
        installed_build: fields.optional("installed_build", 160)?,
        channel: fields.optional("channel", 40)?,
        working_directory: fields.optional("working_directory", 512)?,
        cpu_count: fields.optional_count("cpu_count")?,
        memory_bytes: fields.optional_count("memory_bytes")?,
        accelerators_json: accelerators(&fields)?,
        environments_json: environments(&fields)?,
        kernels_json: facts::kernels(&fields)?,
        utilisation_json: facts::utilisation(&fields)?,
        clock_skew_ms: facts::clock_skew(&fields),
        idle_minutes: facts::idle_minutes(&fields)?,
        machine_id: fields.optional("machine_id", limits::ID)?,
        hostname: fields.optional("hostname", limits::MACHINE_NAME)?,
        os: fields.optional("os", 80)?,
        only_paired: fields.is_false("serving"),
        ..Registration::default()
    }))
}

/// Registers a workstation of the caller or renews it. `from` is the address of the machine.
pub async fn register<S: Workstations>(
    store: &S,
    caller: &Caller,
    input: RegistrationInput,
    from: Option<String>,
    now_ms: i64,
) -> Result<WorkstationView> {
    may_register(caller)?;
    let mut registration = input.0;
    registration.owner_principal.clone_from(&caller.principal);
    registration.now_ms = now_ms;
    registration.lease_expires_ms = now_ms + limits::LEASE_MS;
    registration.address = from;
    if let Some(credential) = &caller.credential {
        if !credential.serves(&registration.workstation_id) {
            return Err(Refusal::Unpaired(format!(
                "this workstation credential belongs to another workstation than {}\n\
                 Hint: pair this machine for itself, or let the credential serve several in the workstations panel",
                registration.workstation_id
            )));
        }
        registration.credential_id = Some(credential.id.clone());
        registration
            .pairing_code_id
            .clone_from(&credential.pairing_id);
        registration.paired_ms = Some(credential.created_ms);
    }
    let known = store
        .workstation(&registration.owner_principal, &registration.workstation_id)
        .await?;
    if let Some(known) = &known {
        refuse_twin(known, &registration)?;
        // Who pairs a machine again does not end the agent that runs there.
        registration.only_paired &= !crate::workstations::is_alive(known, now_ms);
    }
    if registration.only_paired {
        registration.lease_expires_ms = now_ms;
    }
    let row = store.register_workstation(&registration).await?;
    let row = row.ok_or_else(|| Refusal::Unpaired(credentials::REMOVED.to_owned()))?;
    let default = store.default_workstation(&caller.principal).await?;
    Ok(view(
        row,
        default.as_deref(),
        crate::workstations::Presence::Unknown,
        now_ms,
    ))
}

/// Two machines of one name must not write over each other: while one is online, or was paired just now, another machine
/// under its id is told so. A machine that is away may be replaced.
fn refuse_twin(row: &Workstation, new: &Registration) -> Result<()> {
    let ids = row.machine_id.as_ref().zip(new.machine_id.as_ref());
    if ids.is_none_or(|(known, new)| known == new) {
        return Ok(());
    }
    let name = row.hostname.as_ref();
    let name = name.map_or_else(String::new, |name| format!(" ({name})"));
    let is = if crate::workstations::is_alive(row, new.now_ms) {
        "is online"
    } else if crate::workstations::is_just_paired(row, new.now_ms) {
        "was just paired"
    } else {
        return Ok(());
    };
    Err(Refusal::IdTaken(format!(
        "another machine{name} {is} as {}\nHint: connect this one under another id, with --id",
        new.workstation_id
    )))
}

/// Ids ride paths: no slashes, no control characters, none of the reserved words (HAZ-11).
fn check_id(id: &str) -> Result<()> {
    if id
        .chars()
        .any(|symbol| matches!(symbol, '/' | '\\') || symbol.is_control())
    {
        return Err(Refusal::invalid(
            "workstation_id must not contain slashes or control characters",
        ));
    }
    if RESERVED.contains(&id) {
        return Err(Refusal::invalid(format!(
            "workstation_id `{id}` is reserved"
        )));
    }
    Ok(())
}

/// Normalises the accelerators; absent stays unknown, apart from an empty list.
fn accelerators(fields: &Fields<'_>) -> Result<Option<String>> {
    let Some(value) = fields.get("accelerators") else {
        return Ok(None);
    };
    let entries = value
        .as_array()
        .ok_or_else(|| Refusal::invalid("accelerators must be an array"))?;
    if entries.len() > limits::ACCELERATORS {
        return Err(Refusal::invalid(
            "accelerators must contain at most 16 entries",
        ));
    }
    let normalised: Result<Vec<Value>> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| accelerator(index, entry))
        .collect();
    Ok(Some(Value::Array(normalised?).to_string()))
}

fn accelerator(index: usize, entry: &Value) -> Result<Value> {
    let members = entry
        .as_object()
        .ok_or_else(|| Refusal::invalid(format!("accelerators[{index}] must be a JSON object")))?;
    let prefix = format!("accelerators[{index}].");
    let fields = Fields::with_prefix(members, &prefix);
    let kind = fields.required("kind", 40)?.to_lowercase();
    let vendor = fields.optional("vendor", 120)?;
    let model = fields.optional("model", 160)?;
    let count = fields.bounded_integer("count", 1024)?;
    let memory = fields.optional_positive("memory_bytes_per_device")?;
    let readiness = fields.required("readiness", 24)?.to_lowercase();
    if !["ready", "not_ready", "unknown"].contains(&readiness.as_str()) {
        return Err(fields.refuse("readiness", "must be ready, not_ready, or unknown"));
    }
    let diagnostic = fields.optional_words("diagnostic", 240)?;
    Ok(json!({
        "kind": kind, "vendor": vendor, "model": model, "count": count,
        "memory_bytes_per_device": memory, "readiness": readiness, "diagnostic": diagnostic,
    }))
}

/// Normalises the first environments; the rest is dropped unread.
fn environments(fields: &Fields<'_>) -> Result<Option<String>> {
    let Some(value) = fields.get("environments") else {
        return Ok(None);
    };
    let entries = value
        .as_array()
        .ok_or_else(|| Refusal::invalid("environments must be an array"))?;
    let normalised: Result<Vec<Value>> = entries
        .iter()
        .take(limits::ENVIRONMENTS)
        .map(environment)
        .collect();
    Ok(Some(Value::Array(normalised?).to_string()))
}

fn environment(entry: &Value) -> Result<Value> {
    let members = entry
        .as_object()
        .ok_or_else(|| Refusal::invalid("environments must contain JSON objects"))?;
    let fields = Fields::with_prefix(members, "environment.");
    Ok(json!({
        "id": fields.required("id", limits::ID)?,
        "label": fields.required("label", 160)?,
        "available": !fields.is_false("available"),
        "is_default": fields.is_true("is_default"),
        "detail": fields.optional_words("detail", 240)?,
        "health": fields.optional_words("health", 240)?,
        "policy": fields.optional("policy", 80)?,
    }))
}

mod facts;

pub(crate) use facts::idle_minutes;

#[cfg(test)]
mod tests;
