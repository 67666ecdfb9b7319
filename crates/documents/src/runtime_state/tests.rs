use serde_json::{Value, json};

use super::{NewExecution, Queue, RuntimeStateDoc, Upsert, projection_json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn json_file(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(format!("{VECTORS}/{name}")).unwrap()).unwrap()
}

// DOC-082 DOC-086 DOC-087 DOC-088 DOC-089 DOC-090 DOC-091 DOC-103 DOC-104 DOC-105 DOC-113 DOC-114
// DOC-115 DOC-116
#[test]
fn projections_equal_the_vectors() {
    let mut failed = Vec::new();
    for case in json_file("runtime_projection.json").as_array().unwrap() {
        let bytes = hex::decode(case["doc_hex"].as_str().unwrap()).unwrap();
        let doc = RuntimeStateDoc::load(&bytes, "t").unwrap();
        let got = projection_json(&doc.projection());
        for (key, expected) in case["projection"].as_object().unwrap() {
            if &got[key] != expected {
                failed.push(format!(
                    "{}: {key}\n got {}\n not {expected}",
                    case["case"], got[key]
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_sample_reads_as_its_projection() {
    let bytes = std::fs::read(format!("{VECTORS}/sample_runtime_state.am")).unwrap();
    let doc = RuntimeStateDoc::load(&bytes, "t").unwrap();
    assert_eq!(
        projection_json(&doc.projection()),
        json_file("sample_runtime_state.projection.json")
    );
}

fn room() -> RuntimeStateDoc {
    let mut doc = RuntimeStateDoc::from_seed("system:room/room:1").unwrap();
    for (seq, id) in ["a", "b", "c"].into_iter().enumerate() {
        let new = NewExecution {
            id,
            source: "1",
            cell_id: Some("cell"),
            seq: seq as u64,
            submitted_by: Some("user:x/browser:1"),
        };
        assert!(doc.create_execution(&new).unwrap());
        assert!(!doc.create_execution(&new).unwrap());
    }
    doc.set_queue(&queue(None, &["a", "b", "c"])).unwrap();
    doc
}

fn queue(executing: Option<&str>, queued: &[&str]) -> Queue {
    Queue {
        executing: executing.map(str::to_owned),
        queued: queued.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// Writes an output after those that are there.
fn upsert(doc: &mut RuntimeStateDoc, execution: &str, manifest: &Value) -> Upsert {
    let seq = doc.next_output_seq(execution);
    doc.upsert_output_at(execution, manifest, seq).unwrap()
}

// DOC-093 DOC-094 DOC-100
#[test]
fn executions_go_through_their_states() {
    let mut doc = room();
    assert_eq!(doc.next_seq(), 3);
    assert_eq!(RuntimeStateDoc::from_seed("t").unwrap().next_seq(), 0);
    assert!(doc.set_running("a").unwrap());
    assert!(!doc.set_running("a").unwrap());
    doc.set_queue(&queue(Some("a"), &["b", "c"])).unwrap();
    doc.set_execution_count("a", 7).unwrap();
    assert!(doc.finish("a", true).unwrap());
    assert!(!doc.finish("a", false).unwrap());
    assert!(doc.cancel("b").unwrap());
    assert!(!doc.cancel("b").unwrap());
    doc.set_queue(&queue(None, &["c"])).unwrap();
    assert_eq!(doc.stored_queue(), queue(None, &["c"]));
    let a = doc.execution("a").unwrap();
    assert_eq!(
        (a.status.as_str(), a.success, a.execution_count),
        ("done", Some(true), Some(7))
    );
    assert_eq!(doc.execution("b").unwrap().success, None);
}

// DOC-106 DOC-107 DOC-108 DOC-109
#[test]
fn outputs_are_updated_in_place_and_displays_indexed() {
    let mut doc = room();
    let shown = |text: &str| {
        json!({"output_type": "display_data", "output_id": "o1", "data": {"text/plain": text},
            "transient": {"display_id": "d"}})
    };
    assert_eq!(upsert(&mut doc, "a", &shown("1")), Upsert::Appended);
    let stream = json!({"output_type": "stream", "output_id": "o2", "name": "stdout"});
    assert!(doc.append_outputs("a", &[stream]).unwrap());
    assert_eq!(upsert(&mut doc, "a", &shown("2")), Upsert::Updated);
    assert_eq!(upsert(&mut doc, "a", &shown("2")), Upsert::Same);
    assert_eq!(upsert(&mut doc, "gone", &shown("3")), Upsert::Gone);
    assert!(doc.upsert_output_at("a", &json!({}), 2).is_err());
    let outputs = doc.outputs("a");
    assert_eq!(
        outputs
            .iter()
            .map(|o| (o.seq, o.id.as_str()))
            .collect::<Vec<_>>(),
        [(0, "o1"), (1, "o2")]
    );
    assert_eq!(outputs[0].manifest["data"]["text/plain"], "2");
    assert_eq!(doc.displays("d"), [("a".to_owned(), "o1".to_owned())]);
    doc.clear_outputs("a").unwrap();
    assert!(doc.outputs("a").is_empty() && doc.displays("d").is_empty());
}

// DOC-083 DOC-085
#[test]
fn equal_writes_change_nothing() {
    let mut doc = room();
    doc.set_activity("Idle").unwrap();
    let heads = doc.heads();
    doc.set_activity("Idle").unwrap();
    let queue = doc.stored_queue();
    doc.set_queue(&queue).unwrap();
    doc.set_kernel_texts(&[("name", "")]).unwrap();
    assert_eq!(doc.heads(), heads);
}

// DOC-084
#[test]
fn a_lifecycle_has_an_activity_only_while_it_runs() {
    use super::Lifecycle;
    use automerge::transaction::Transactable;
    let mut doc = RuntimeStateDoc::from_seed("t").unwrap();
    let kernel = doc.map("kernel").unwrap();
    for key in ["status", "starting_phase"] {
        doc.doc_mut().put(&kernel, key, "old").unwrap();
    }
    let read = |doc: &RuntimeStateDoc, key| doc.reader().json(&kernel, key);
    doc.set_lifecycle(&Lifecycle::running("Busy")).unwrap();
    assert_eq!(read(&doc, "activity"), Some(json!("Busy")));
    assert_eq!(
        (read(&doc, "status"), read(&doc, "starting_phase")),
        (None, None)
    );
    doc.set_lifecycle(&Lifecycle::new("Error")).unwrap();
    assert_eq!(read(&doc, "activity"), Some(json!("")));
}

// DOC-092
#[test]
fn a_new_execution_has_its_keys() {
    let doc = room();
    let record = doc.execution_object("b").unwrap();
    let expected = json!({"status": "queued", "execution_count": null, "success": null,
        "outputs": {}, "source": "1", "cell_id": "cell", "seq": 1,
        "submitted_by_actor_label": "user:x/browser:1"});
    assert_eq!(Value::Object(doc.reader().map_json(&record)), expected);
}

// DOC-111
#[test]
fn a_display_is_found_without_the_index() {
    use automerge::transaction::Transactable;
    let mut doc = room();
    let shown = json!({"output_type": "display_data", "output_id": "o1", "data": {"text/plain": "1"},
        "transient": {"display_id": "d"}});
    upsert(&mut doc, "a", &shown);
    let index = doc.map("display_index").unwrap();
    doc.doc_mut().delete(&index, "d").unwrap();
    let data = json!({"text/plain": "2"});
    assert_eq!(doc.update_display("d", &data, None, true).unwrap(), 1);
    assert_eq!(doc.output("a", "o1").unwrap()["data"], data);
}
