//! Registration bodies: what is taken, what is refused, in which words.

use serde_json::{Value, json};

use super::{RegistrationInput, parse};

fn parsed(body: Value) -> Result<RegistrationInput, String> {
    let Value::Object(members) = body else {
        panic!("not an object")
    };
    parse(&members).map_err(|refusal| refusal.to_string())
}

fn accelerators(value: &Value) -> Result<Option<String>, String> {
    parsed(json!({"workstation_id": "ws", "accelerators": value}))
        .map(|input| input.0.accelerators_json)
}

// CP-122 CP-135
#[test]
fn cp_122_only_the_id_is_needed() {
    let input = parsed(json!({"workstation_id": "ws", "capabilities": {}, "runtime": []})).unwrap();
    assert_eq!(input.0.display_name, "ws");
    assert_eq!(input.0.provider, "runtime_peer");
    assert_eq!(input.0.accelerators_json, None);
}

// CP-126
#[test]
fn cp_126_camel_case_is_accepted() {
    let input = parsed(json!({
        "workstationId": "ws", "displayName": "Lab", "cpuCount": 2, "memoryBytes": 5,
        "workingDirectory": "/w", "installedBuild": "1",
    }))
    .unwrap();
    assert_eq!(
        (
            input.0.workstation_id.as_str(),
            input.0.display_name.as_str()
        ),
        ("ws", "Lab")
    );
    assert_eq!(
        (input.0.cpu_count, input.0.memory_bytes),
        (Some(2), Some(5))
    );
}

// CP-127
#[test]
fn cp_127_every_bound_takes_n_and_refuses_one_more() {
    let bounds = [
        ("workstation_id", 128),
        ("display_name", 160),
        ("provider", 80),
        ("provider_label", 120),
        ("status_message", 240),
        ("default_environment_label", 160),
        ("environment_policy", 80),
        ("installed_build", 160),
        ("channel", 40),
        ("working_directory", 512),
    ];
    for (field, bound) in bounds {
        let body = |length: usize| {
            let mut body = json!({"workstation_id": "ws"});
            body[field] = Value::String("x".repeat(length));
            body
        };
        parsed(body(bound)).unwrap();
        assert_eq!(
            parsed(body(bound + 1)).unwrap_err(),
            format!("{field} is too long")
        );
    }
}

// CP-130 CP-131
#[test]
fn cp_130_unknown_none_and_some_accelerators_differ() {
    assert_eq!(accelerators(&Value::Null).unwrap(), None);
    assert_eq!(accelerators(&json!([])).unwrap().unwrap(), "[]");
    let one = accelerators(&json!([{"kind": "GPU", "count": 1, "readiness": "Ready"}])).unwrap();
    let stored: Value = serde_json::from_str(&one.unwrap()).unwrap();
    assert_eq!(
        (stored[0]["kind"].as_str(), stored[0]["readiness"].as_str()),
        (Some("gpu"), Some("ready"))
    );
}

// CP-132 CP-133
#[test]
fn cp_133_bad_accelerators_are_refused_in_the_words_of_2_10() {
    let cases = [
        (json!("x"), "accelerators must be an array"),
        (
            json!(vec![json!({}); 17]),
            "accelerators must contain at most 16 entries",
        ),
        (json!([4]), "accelerators[0] must be a JSON object"),
        (
            json!([{}]),
            "accelerators[0].kind must be a non-empty string",
        ),
        (
            json!([{"kind": "gpu", "count": 0}]),
            "accelerators[0].count must be an integer from 1 to 1024",
        ),
        (
            json!([{"kind": "gpu", "count": 1025}]),
            "accelerators[0].count must be an integer from 1 to 1024",
        ),
        (
            json!([{"kind": "gpu", "count": 1, "memory_bytes_per_device": 0}]),
            "accelerators[0].memory_bytes_per_device must be a positive safe integer",
        ),
        (
            json!([{"kind": "gpu", "count": 1, "readiness": "soon"}]),
            "accelerators[0].readiness must be ready, not_ready, or unknown",
        ),
    ];
    for (value, message) in cases {
        assert_eq!(accelerators(&value).unwrap_err(), message);
    }
}

// CP-132 CP-134
#[test]
fn cp_134_only_the_first_sixteen_environments_count() {
    let good = json!({"id": "a", "label": "A"});
    let mut entries = vec![good; 16];
    entries.push(json!("broken"));
    let input = parsed(json!({"workstation_id": "ws", "environments": entries})).unwrap();
    let stored: Value = serde_json::from_str(&input.0.environments_json.unwrap()).unwrap();
    assert_eq!(stored.as_array().unwrap().len(), 16);
    let first_broken = parsed(json!({"workstation_id": "ws", "environments": ["broken"]}));
    assert_eq!(
        first_broken.unwrap_err(),
        "environments must contain JSON objects"
    );
    let no_id = parsed(json!({"workstation_id": "ws", "environments": [{}]}));
    assert_eq!(
        no_id.unwrap_err(),
        "environment.id must be a non-empty string"
    );
}

#[test]
fn ids_that_collide_with_paths_are_refused() {
    for id in [
        "default",
        "credentials",
        "pairing-codes",
        "a/b",
        "a\\b",
        "a\u{7}b",
    ] {
        assert!(parsed(json!({"workstation_id": id})).is_err(), "{id}");
    }
    parsed(json!({"workstation_id": "Lab box.local_2"})).unwrap();
}

#[test]
fn kernels_are_bounded_and_malformed_ones_refused() {
    let kernel = json!({"name": "bash", "display_name": "Bash", "language": "Bash", "source": "kernelspec", "x": 1});
    let kernels = |value: Value| {
        parsed(json!({"workstation_id": "ws", "kernels": value})).map(|input| input.0.kernels_json)
    };
    assert_eq!(kernels(Value::Null).unwrap(), None);
    assert_eq!(kernels(json!([])).unwrap().as_deref(), Some("[]"));
    let many = kernels(json!(vec![kernel.clone(); 60])).unwrap().unwrap();
    let many: Vec<wire::http::OfferedKernel> = serde_json::from_str(&many).unwrap();
    assert_eq!(many.len(), 48);
    assert_eq!(
        (many[0].language.as_str(), many[0].available),
        ("bash", true)
    );
    assert_eq!(kernels(json!({})).unwrap_err(), "kernels must be an array");
    for (field, length) in [
        ("name", 129),
        ("display_name", 161),
        ("path", 513),
        ("reason", 481),
    ] {
        let mut wrong = kernel.clone();
        wrong[field] = "x".repeat(length).into();
        let why = kernels(json!([wrong])).unwrap_err();
        assert_eq!(why, format!("kernel.{field} is too long"));
    }
}

#[test]
fn what_a_machine_does_is_bounded_and_malformed_is_refused() {
    let input = |utilisation: Value| {
        parsed(json!({"workstation_id": "ws", "utilisation": utilisation, "clock_skew_ms": -4_000}))
    };
    let gpu = json!({"model": "A100", "percent": 3.5, "memory_used_bytes": 1, "watts": 3});
    let job = json!({"job_id": "j", "memory_bytes": 5});
    let taken = input(json!({
        "cpu_percent": 12.5, "gpus": vec![gpu; 20], "jobs": vec![job; 40], "mood": "good",
    }))
    .unwrap();
    assert_eq!(taken.0.clock_skew_ms, Some(-4_000));
    let text = taken.0.utilisation_json.unwrap();
    let stored: wire::http::Utilisation = serde_json::from_str(&text).unwrap();
    assert_eq!((stored.gpus.len(), stored.jobs.len()), (16, 32));
    assert_eq!(stored.cpu_percent, Some(12.5));
    for wrong in [
        json!({"cpu_percent": "much"}),
        json!({"memory_used_bytes": -1}),
        json!([]),
        json!({"gpus": [{"model": "x".repeat(200)}]}),
    ] {
        let why = input(wrong).unwrap_err();
        assert!(why.starts_with("utilisation "), "{why}");
    }
}

#[test]
fn idleness_is_in_minutes_and_zero_is_never() {
    let minutes = |value: Value| {
        parsed(json!({"workstation_id": "ws", "idle_minutes": value}))
            .map(|input| input.0.idle_minutes)
    };
    assert_eq!(minutes(Value::Null).unwrap(), None);
    assert_eq!(minutes(json!(0)).unwrap(), Some(0));
    assert_eq!(minutes(json!(120)).unwrap(), Some(120));
    assert!(
        minutes(json!(43_201))
            .unwrap_err()
            .starts_with("idle_minutes ")
    );
    assert!(minutes(json!(-1)).is_err());
}
