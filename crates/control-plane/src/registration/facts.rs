//! What a registration says beyond the reference's: the kernels offered, what the machine does now, its clock.

use serde_json::{Value, json};
use wire::http::Utilisation;

use crate::{Fields, Refusal, Result, limits};

/// A measured clock is off by at most this; more is no measurement.
const SKEW_LIMIT_MS: i64 = 100 * 366 * 86_400_000;

/// Normalises the first kernels; the rest is dropped unread.
pub(super) fn kernels(fields: &Fields<'_>) -> Result<Option<String>> {
    let Some(value) = fields.get("kernels") else {
        return Ok(None);
    };
    let entries = value
        .as_array()
        .ok_or_else(|| Refusal::invalid("kernels must be an array"))?;
    let normalised: Result<Vec<Value>> = entries.iter().take(limits::KERNELS).map(kernel).collect();
    Ok(Some(Value::Array(normalised?).to_string()))
}

fn kernel(entry: &Value) -> Result<Value> {
    let members = entry
        .as_object()
        .ok_or_else(|| Refusal::invalid("kernels must contain JSON objects"))?;
    let fields = Fields::with_prefix(members, "kernel.");
    Ok(json!({
        "name": fields.required("name", limits::ID)?,
        "display_name": fields.required("display_name", 160)?,
        "language": fields.optional("language", 80)?.unwrap_or_default().to_lowercase(),
        "source": fields.required("source", 40)?.to_lowercase(),
        "environment": fields.optional("environment", 160)?,
        "path": fields.optional("path", 512)?,
        "available": !fields.is_false("available"),
        "reason": fields.optional_words("reason", 480)?,
        "is_default": fields.is_true("is_default"),
    }))
}

/// Normalises what the machine does now; too long lists are cut.
pub(super) fn utilisation(fields: &Fields<'_>) -> Result<Option<String>> {
    let Some(value) = fields.get("utilisation") else {
        return Ok(None);
    };
    if !value.is_object() {
        return Err(fields.refuse("utilisation", "must be a JSON object"));
    }
    let mut found: Utilisation = serde_json::from_value(value.clone())
        .map_err(|error| fields.refuse("utilisation", &format!("cannot be read: {error}")))?;
    found.gpus.truncate(limits::GPUS);
    found.jobs.truncate(limits::JOBS_IN_USE);
    let names = found.gpus.iter().map(|gpu| &gpu.model);
    let ids = found.jobs.iter().map(|job| &job.job_id);
    let notebooks = found.jobs.iter().filter_map(|job| job.notebook_id.as_ref());
    let mut words = names.chain(ids).chain(notebooks);
    if words.any(|word| word.encode_utf16().count() > limits::ID || word.contains('\0')) {
        return Err(fields.refuse("utilisation", "holds a name that is too long"));
    }
    Ok(serde_json::to_string(&found).ok())
}

/// How far the machine's clock is ahead; what is no plausible number is none.
pub(super) fn clock_skew(fields: &Fields<'_>) -> Option<i64> {
    let skew = fields.get("clock_skew_ms")?.as_i64()?;
    (skew.abs() <= SKEW_LIMIT_MS).then_some(skew)
}

/// Minutes after which unused compute stops; 0 is never.
pub(crate) fn idle_minutes(fields: &Fields<'_>) -> Result<Option<i64>> {
    let minutes = fields.optional_count("idle_minutes")?;
    match minutes {
        Some(minutes) if minutes > limits::IDLE_MINUTES => {
            let most = limits::IDLE_MINUTES;
            Err(fields.refuse(
                "idle_minutes",
                &format!("must be at most {most}; 0 is never"),
            ))
        }
        minutes => Ok(minutes),
    }
}
