//! What the machine says about itself when it registers (spec 2.6 and 3.5).

use std::path::Path;

use serde_json::{Map, Value, json};

use wire::http::{OfferedKernel, Utilisation};

use crate::Accelerator;

const DIRECTORY_LIMIT: usize = 512;
const NAME_LIMIT: usize = 160;
const BUILD_LIMIT: usize = 160;
const ACCELERATOR_LIMIT: usize = 16;

/// Facts that do not change while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineFacts {
    /// Logical processors' worth of time that this process may use, within its control group's quota.
    pub cpu_count: Option<u64>,
    /// Memory of the machine, or what its control group may have of it.
    pub memory_bytes: Option<u64>,
}

impl MachineFacts {
    /// Asks the system.
    pub fn detect() -> Self {
        Self {
            cpu_count: std::thread::available_parallelism()
                .ok()
                .map(|n| n.get() as u64),
            memory_bytes: meter::memory_bytes(),
        }
    }
}

/// Version and, when known at build time, the commit.
pub fn installed_build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("RUNT_BUILD_COMMIT") {
        Some(commit) if !commit.is_empty() => format!("{version}+{commit}"),
        _ => version.to_owned(),
    }
}

/// The payload of the first registration, right after pairing; it says that no agent runs by it (an addition).
pub fn minimal_registration(
    workstation_id: &str,
    display_name: &str,
    working_directory: Option<&Path>,
    facts: MachineFacts,
) -> Value {
    let mut payload = base(workstation_id, display_name, working_directory);
    put(&mut payload, "cpu_count", facts.cpu_count.map(Value::from));
    put(&mut payload, "serving", Some(false.into()));
    Value::Object(payload)
}

/// The payload of the agent's registrations; `accelerators` of `None` means unknown, of `[]` known none.
pub fn registration(
    workstation_id: &str,
    display_name: &str,
    working_directory: &Path,
    python_path: &Path,
    facts: MachineFacts,
    accelerators: Option<&[Accelerator]>,
) -> Value {
    let mut payload = base(workstation_id, display_name, Some(working_directory));
    put(
        &mut payload,
        "capabilities",
        Some(json!({ "launch_current_python": true })),
    );
    let runtime = json!({ "binary": "runtimed", "python_path": python_path.to_string_lossy() });
    put(&mut payload, "runtime", Some(runtime));
    put(
        &mut payload,
        "installed_build",
        Some(cut(&installed_build(), BUILD_LIMIT).into()),
    );
    put(&mut payload, "channel", Some("stable".into()));
    put(&mut payload, "cpu_count", facts.cpu_count.map(Value::from));
    put(
        &mut payload,
        "memory_bytes",
        facts.memory_bytes.map(Value::from),
    );
    let listed = accelerators.map(|all| json!(&all[..all.len().min(ACCELERATOR_LIMIT)]));
    put(&mut payload, "accelerators", listed);
    Value::Object(payload)
}

/// A registration that says, where it is so, that nothing new is taken; the panel shows it beside the status.
pub fn with_drain(mut payload: Value, draining: bool) -> Value {
    if draining && let Some(members) = payload.as_object_mut() {
        let text = "Draining: takes no new notebooks.";
        members.insert("status_message".to_owned(), text.into());
    }
    payload
}

/// A registration with the kernels that notebooks can choose here, as far as they are known.
pub(crate) fn with_kernels(mut payload: Value, kernels: Option<&[OfferedKernel]>) -> Value {
    if let (Some(members), Some(kernels)) = (payload.as_object_mut(), kernels) {
        members.insert("kernels".to_owned(), json!(kernels));
    }
    payload
}

/// A registration with what the machine does now, and how far its clock is off as far as that is known.
pub(crate) fn with_live(mut payload: Value, live: &Utilisation, skew_ms: Option<i64>) -> Value {
    if let Some(members) = payload.as_object_mut() {
        members.insert("utilisation".to_owned(), json!(live));
        put(members, "clock_skew_ms", skew_ms.map(Value::from));
    }
    payload
}

/// A registration that says when unused kernels stop here, where the operator decided it.
pub(crate) fn with_idle_minutes(mut payload: Value, minutes: Option<u32>) -> Value {
    if let Some(members) = payload.as_object_mut() {
        put(members, "idle_minutes", minutes.map(Value::from));
    }
    payload
}

fn base(workstation_id: &str, display_name: &str, directory: Option<&Path>) -> Map<String, Value> {
    let mut payload = Map::new();
    put(&mut payload, "workstation_id", Some(workstation_id.into()));
    put(
        &mut payload,
        "display_name",
        Some(cut(display_name, NAME_LIMIT).into()),
    );
    put(&mut payload, "provider", Some("runtime_peer".into()));
    put(
        &mut payload,
        "environment_policy",
        Some("current_python".into()),
    );
    put(
        &mut payload,
        "default_environment_label",
        Some("Current Python".into()),
    );
    let directory = directory.map(|d| cut(&d.to_string_lossy(), DIRECTORY_LIMIT).into());
    put(&mut payload, "working_directory", directory);
    payload
}

fn put(payload: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        payload.insert(name.to_owned(), value);
    }
}

/// As much of a text as fits; the cloud counts UTF-16 code units (control plane 2.2).
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut units = 0;
    let fits = text.chars().take_while(|symbol| {
        units += symbol.len_utf16();
        units <= limit
    });
    fits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: MachineFacts = MachineFacts {
        cpu_count: None,
        memory_bytes: None,
    };

    // WS-066 WS-067
    #[test]
    fn ws_066_067_the_first_registration_is_small() {
        let payload = minimal_registration("ws-1", "Lab", None, UNKNOWN);
        assert_eq!(
            payload,
            json!({"workstation_id": "ws-1", "display_name": "Lab", "provider": "runtime_peer",
                "environment_policy": "current_python", "default_environment_label": "Current Python",
                "serving": false})
        );
    }

    // WS-141 WS-142 WS-144 WS-145 WS-147
    #[test]
    fn ws_141_142_144_145_147_the_agents_registration() {
        let long = "d".repeat(900);
        let full = |facts, accelerators| {
            registration(
                "ws-1",
                &long,
                Path::new(&long),
                Path::new("/py"),
                facts,
                accelerators,
            )
        };
        let payload = full(UNKNOWN, None);
        assert_eq!(
            payload["capabilities"],
            json!({"launch_current_python": true})
        );
        assert_eq!(
            payload["runtime"],
            json!({"binary": "runtimed", "python_path": "/py"})
        );
        assert_eq!(payload["channel"], "stable");
        assert!(
            payload["installed_build"]
                .as_str()
                .unwrap()
                .starts_with(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(payload["display_name"].as_str().unwrap().len(), 160);
        assert_eq!(payload["working_directory"].as_str().unwrap().len(), 512);
        for unknown in ["cpu_count", "memory_bytes", "accelerators"] {
            assert!(payload.get(unknown).is_none(), "{unknown}");
        }
        let facts = MachineFacts {
            cpu_count: Some(2),
            memory_bytes: Some(7),
        };
        let payload = full(facts, Some(&[]));
        assert_eq!(
            (&payload["cpu_count"], &payload["memory_bytes"]),
            (&json!(2), &json!(7))
        );
        assert_eq!(payload["accelerators"], json!([]));
    }

    #[test]
    fn this_machine_has_processors_and_memory() {
        let facts = MachineFacts::detect();
        assert!(facts.cpu_count >= Some(1) && facts.memory_bytes > Some(1 << 20));
    }
}
