//! How concurrent and legacy kernel states read (documents 5.2).

use automerge::{ObjId, ReadDoc};

use super::kernel::Lifecycle;
use crate::value::Reader;

const TYPED: [&str; 9] = [
    "NotStarted",
    "AwaitingTrust",
    "AwaitingEnvBuild",
    "Resolving",
    "PreparingEnv",
    "Launching",
    "Connecting",
    "Error",
    "Shutdown",
];

fn activity(word: &str) -> String {
    let known = ["Unknown", "Idle", "Busy"].contains(&word);
    if known {
        word.to_owned()
    } else {
        "Unknown".to_owned()
    }
}

fn typed(word: &str, activity_word: &str) -> Option<Lifecycle> {
    if word == "Running" {
        return Some(Lifecycle::running(&activity(activity_word)));
    }
    TYPED.contains(&word).then(|| Lifecycle::new(word))
}

fn legacy(status: &str, phase: &str) -> Lifecycle {
    match status {
        "idle" => Lifecycle::running("Idle"),
        "busy" => Lifecycle::running("Busy"),
        "error" => Lifecycle::new("Error"),
        "shutdown" => Lifecycle::new("Shutdown"),
        "awaiting_trust" => Lifecycle::new("AwaitingTrust"),
        "awaiting_env_build" => Lifecycle::new("AwaitingEnvBuild"),
        "starting" => Lifecycle::new(match phase {
            "preparing_env" => "PreparingEnv",
            "launching" => "Launching",
            "connecting" => "Connecting",
            _ => "Resolving",
        }),
        _ => Lifecycle::new("NotStarted"),
    }
}

/// Reads the lifecycle of a kernel map, conflicts and legacy keys included.
pub(super) fn read<D: ReadDoc>(reader: Reader<'_, D>, kernel: &ObjId) -> Lifecycle {
    let words = |key: &str| -> Vec<String> {
        let values = reader.get_all(kernel, key).into_iter();
        values
            .filter_map(|(value, _)| value.as_str().map(str::to_owned))
            .collect()
    };
    let text = |key: &str| reader.str(kernel, key).unwrap_or_default();
    let (status, phase) = (reader.str(kernel, "status"), text("starting_phase"));
    let fallback = legacy(status.as_deref().unwrap_or_default(), &phase);
    let resolved = match typed(&text("lifecycle"), &text("activity")) {
        None => fallback,
        Some(found) => match &status {
            Some(status) if found.status() != status || found.starting_phase() != phase => fallback,
            _ => found,
        },
    };
    let concurrent = words("lifecycle");
    let says = |word: &str| concurrent.iter().any(|found| found == word);
    if says("Error") {
        return Lifecycle::new("Error");
    }
    if ["NotStarted", "Shutdown"].contains(&resolved.lifecycle.as_str()) && says("Running") {
        let activities = words("activity");
        let winner = text("activity");
        if ["Unknown", "Idle", "Busy"].contains(&winner.as_str()) {
            return Lifecycle::running(&winner);
        }
        let found = ["Idle", "Busy"]
            .iter()
            .find(|word| activities.iter().any(|a| a == *word));
        return Lifecycle::running(found.unwrap_or(&"Unknown"));
    }
    resolved
}
