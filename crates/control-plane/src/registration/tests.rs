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
