use automerge::AutoCommit;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Loaded, NotebookDoc, load_stored};
use crate::genesis::heads_hex;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{VECTORS}/{name}")).unwrap()
}

fn json_file(name: &str) -> Value {
    serde_json::from_slice(&file(name)).unwrap()
}

/// A value with its types, as the vectors write it.
fn typed(doc: &AutoCommit, value: &automerge::Value<'_>, id: &automerge::ObjId) -> Value {
    use automerge::{ObjType, ReadDoc, ScalarValue, Value as Stored};
    match value {
        Stored::Object(ObjType::Text) => json!({"text": doc.text(id).unwrap()}),
        Stored::Object(ObjType::List) => {
            let items = (0..doc.length(id)).map(|at| {
                let (value, id) = doc.get(id, at).unwrap().unwrap();
                typed(doc, &value, &id)
            });
            json!({"list": items.collect::<Vec<_>>()})
        }
        Stored::Object(_) => {
            let fields = doc.keys(id).map(|key| {
                let (value, id) = doc.get(id, key.as_str()).unwrap().unwrap();
                (key, typed(doc, &value, &id))
            });
            json!({"map": fields.collect::<serde_json::Map<_, _>>()})
        }
        Stored::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Str(text) => json!({"str": text.as_str()}),
            ScalarValue::Int(number) => json!({"int": number}),
            ScalarValue::Uint(number) => json!({"uint": number}),
            ScalarValue::F64(number) => json!({"f64": number}),
            ScalarValue::Boolean(value) => json!({"bool": value}),
            ScalarValue::Null => json!("null"),
            other => panic!("{other:?}"),
        },
    }
}

fn changes(value: &Value) -> Vec<u8> {
    let hex: String = value
        .as_array()
        .unwrap()
        .iter()
        .map(|hex| hex.as_str().unwrap())
        .collect();
    hex::decode(hex).unwrap()
}

// DOC-038 DOC-039 DOC-040
#[test]
fn the_hosted_room_has_deterministic_heads() {
    for (id, head) in [
        (
            "demo",
            "af892532628b615c8471028de5cf16ef58fe41e3bf71e0debe2ddc39c8ac100c",
        ),
        (
            "6f1d3c2a-9b7e-4c55-8a21-0d9e4f7b1c33",
            "51ea185ccaad2589de99c43b3ea006c5c3fc11a6f2e6c1d027be40c4a7eb143d",
        ),
    ] {
        let mut notebook = NotebookDoc::hosted_bootstrap(id).unwrap();
        assert_eq!(heads_hex(&notebook.heads()), [head]);
        assert_eq!(notebook.cells().len(), 1);
        let seed = crate::policy::notebook_seed_hash();
        assert!(notebook.doc_mut().get_change_by_hash(&seed).is_some());
    }
}

#[test]
fn the_sample_reads_as_its_projection() {
    let notebook = NotebookDoc::load(&file("sample_notebook.am"), "local:a/t").unwrap();
    let root = notebook.reader().map_json(&automerge::ROOT);
    assert_eq!(Value::Object(root), json_file("sample_notebook.json"));
    let expected = json_file("sample_notebook.cells.json");
    for (cell, expected) in notebook.cells().iter().zip(expected.as_array().unwrap()) {
        let cell = serde_json::to_value(cell).unwrap();
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&cell[key], value, "{key}");
        }
    }
}

// DOC-042 DOC-053 DOC-054 DOC-055 DOC-056
#[test]
fn merges_equal_the_vectors() {
    let vectors = json_file("merge_notebook.json");
    for case in vectors["cases"].as_array().unwrap() {
        let mut doc = AutoCommit::load(&file("sample_notebook.am")).unwrap();
        doc.load_incremental(&changes(&case["changes_a_hex"]))
            .unwrap();
        doc.load_incremental(&changes(&case["changes_b_hex"]))
            .unwrap();
        let mut notebook = NotebookDoc::from_doc(doc);
        assert_eq!(
            json!(heads_hex(&notebook.heads())),
            case["merged_heads"],
            "{}",
            case["case"]
        );
        let cells = notebook.cells();
        let expected = case["merged_cells_in_order"].as_array().unwrap();
        assert_eq!(cells.len(), expected.len());
        for (cell, expected) in cells.iter().zip(expected) {
            let cell = serde_json::to_value(cell).unwrap();
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&cell[key], value, "{} {key}", case["case"]);
            }
        }
        let metadata = notebook
            .metadata()
            .map(|snapshot| snapshot.to_json())
            .unwrap_or_default();
        assert_eq!(
            Value::Object(metadata),
            case["merged_metadata"],
            "{}",
            case["case"]
        );
    }
}

// DOC-060 DOC-061 DOC-062 DOC-063 DOC-064 DOC-065 DOC-066
#[test]
fn stored_versions_load_as_the_vectors_say() {
    for case in json_file("load_cases.json").as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let loaded = load_stored(&file(name), "runtimed", "legacy-notebook").unwrap();
        match loaded {
            Loaded::Quarantine(_) => assert_eq!(case["quarantined"], true, "{name}"),
            Loaded::Accepted(notebook) => {
                assert_eq!(case["quarantined"], false, "{name}");
                assert_eq!(
                    json!(notebook.schema_version()),
                    case["schema_version_after_max"]
                );
                let id = notebook.root_text("runtime_state_doc_id");
                assert_eq!(json!(id), case["runtime_state_doc_id_after"]);
                assert_eq!(
                    json!(notebook.root_text("comms_doc_id")),
                    case["comms_doc_id_after"]
                );
                let expected = case["cells_after"].as_array().unwrap();
                for (cell, expected) in notebook.cells().iter().zip(expected) {
                    let cell = serde_json::to_value(cell).unwrap();
                    for (key, value) in expected.as_object().unwrap() {
                        assert_eq!(&cell[key], value, "{name} {key}");
                    }
                }
            }
        }
    }
    let loaded = load_stored(b"junk", "runtimed", "n").unwrap();
    assert!(matches!(loaded, Loaded::Quarantine(_)));
}

// DOC-051 DOC-057
#[test]
fn cells_are_edited() {
    let mut notebook = NotebookDoc::hosted_bootstrap("demo").unwrap();
    let first = notebook.cell_ids().remove(0);
    notebook.add_cell("b", "markdown", Some(&first)).unwrap();
    notebook.insert_cell("a", "code", 0).unwrap();
    assert_eq!(notebook.cell_ids(), ["a", first.as_str(), "b"]);
    notebook.move_cell("a", Some("b")).unwrap();
    assert_eq!(notebook.cell_ids(), [first.as_str(), "b", "a"]);
    notebook.replace_source("a", "x = 1").unwrap();
    notebook.splice_source("a", 4, 1, "é2").unwrap();
    notebook.append_source("a", "\n").unwrap();
    assert_eq!(notebook.source("a").unwrap(), "x = é2\n");
    notebook.set_execution_id("a", Some("e1")).unwrap();
    assert_eq!(notebook.execution_id("a").as_deref(), Some("e1"));
    notebook.clear_outputs("a").unwrap();
    assert_eq!(notebook.execution_id("a"), None);
    assert!(notebook.delete_cell("b").unwrap());
    assert!(!notebook.delete_cell("b").unwrap());
    assert!(notebook.replace_source("b", "").is_err());
}

proptest! {
    #[test]
    fn concurrent_edits_converge(edits in proptest::collection::vec((0..3_usize, 0..6_u8, ".{0,6}"), 1..12)) {
        let mut base = NotebookDoc::hosted_bootstrap("demo").unwrap();
        let mut peers: Vec<NotebookDoc> = (0..3)
            .map(|peer| NotebookDoc::load(&base.save(), &format!("user:p{peer}/t:1")).unwrap())
            .collect();
        for (step, (peer, kind, text)) in edits.iter().enumerate() {
            let doc = &mut peers[*peer];
            let ids = doc.cell_ids();
            let Some(cell) = ids.get(step % ids.len().max(1)).cloned() else { continue };
            match kind {
                0 => doc.add_cell(&format!("c{peer}-{step}"), "code", Some(&cell)).unwrap(),
                1 => { doc.delete_cell(&cell).unwrap(); }
                2 => doc.move_cell(&cell, ids.last().map(String::as_str)).unwrap(),
                _ => doc.replace_source(&cell, text).unwrap(),
            }
        }
        let (mut forward, mut backward) = (base.doc_mut().fork(), base.doc_mut().fork());
        for peer in &mut peers { forward.merge(peer.doc_mut()).unwrap(); }
        for peer in peers.iter_mut().rev() { backward.merge(peer.doc_mut()).unwrap(); }
        let (mut forward, mut backward) =
            (NotebookDoc::from_doc(forward), NotebookDoc::from_doc(backward));
        prop_assert_eq!(forward.heads(), backward.heads());
        prop_assert_eq!(forward.cells(), backward.cells());
    }

    #[test]
    fn loading_never_panics(at in 0..540_usize, byte in any::<u8>()) {
        let mut bytes = file("hosted_room_new_demo.am");
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = load_stored(&bytes, "runtimed", "demo");
    }
}

// DOC-015 DOC-016 DOC-069 DOC-070 DOC-071 DOC-072 DOC-073 DOC-074
#[test]
fn imported_metadata_reads_back() {
    for case in json_file("metadata_import.json").as_array().unwrap() {
        let name = &case["case"];
        let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
        if let Some(snapshot) =
            super::metadata_from_ipynb(case["ipynb_metadata"].as_object().unwrap())
        {
            notebook.set_metadata(&snapshot).unwrap();
        }
        let root = notebook.reader().map_json(&automerge::ROOT);
        assert_eq!(root["metadata"], case["doc_metadata"], "{name}");
        let (value, id) = automerge::ReadDoc::get(notebook.doc(), automerge::ROOT, "metadata")
            .unwrap()
            .unwrap();
        let stored = typed(notebook.doc(), &value, &id);
        assert_eq!(stored, case["doc_metadata_typed"], "{name}");
        // An equal snapshot is no change.
        let heads = notebook.heads();
        let snapshot = notebook.metadata().unwrap_or_default();
        notebook.set_metadata(&snapshot).unwrap();
        assert_eq!(notebook.heads(), heads, "{name}");
    }
}

#[test]
fn doc_075_the_first_part_that_tells_decides_on_the_runtime() {
    let detected = |metadata: &serde_json::Value| {
        let snapshot = super::metadata_from_ipynb(metadata.as_object().unwrap());
        snapshot.and_then(|snapshot| snapshot.runtime())
    };
    for case in json_file("metadata_import.json").as_array().unwrap() {
        let wanted = match case["detect_runtime"].as_str() {
            None => None,
            Some("python") => Some(super::Runtime::Python),
            Some("deno") => Some(super::Runtime::Deno),
            Some(other) => panic!("{other}"),
        };
        assert_eq!(
            detected(&case["ipynb_metadata"]),
            wanted,
            "{}",
            case["case"]
        );
    }
    let spec = |name: &str, language: &str| json!({"name": name, "display_name": "x", "language": language});
    let (deno, python) = (Some(super::Runtime::Deno), Some(super::Runtime::Python));
    let runt = json!({"schema_version": "1", "deno": {}, "uv": {}});
    for (metadata, wanted) in [
        (
            json!({"kernelspec": spec("my-Deno-python", "python")}),
            deno,
        ),
        (json!({"kernelspec": spec("Python3", "typescript")}), python),
        (
            json!({"kernelspec": spec("x", "JavaScript"), "language_info": {"name": "python"}}),
            deno,
        ),
        (
            json!({"kernelspec": spec("x", "r"), "language_info": {"name": "Python"}, "runt": runt}),
            python,
        ),
        (json!({"language_info": {"name": "deno"}}), deno),
        (json!({"kernelspec": spec("ir", "R"), "runt": runt}), deno),
    ] {
        assert_eq!(detected(&metadata), wanted, "{metadata}");
    }
}

// DOC-014 DOC-027 DOC-028 DOC-029
#[test]
fn a_new_document_has_the_recorded_head() {
    let id = "6f1d3c2a-9b7e-4c55-8a21-0d9e4f7b1c33";
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    notebook.put_identity(id).unwrap();
    // The hash covers the order of the operations: one change, the three ids as the vector has them.
    let head = "60d5516858327e0388d69abd8f0669474508ed6def2a57b5ac5453351c52bd5f";
    assert_eq!(heads_hex(&notebook.heads()), [head]);
    let mut recorded = AutoCommit::load(&file("notebook_new.am")).unwrap();
    assert_eq!(heads_hex(&recorded.get_heads()), [head]);
    assert_eq!(notebook.doc_mut().get_changes(&[]).len(), 2);
    for (key, expected) in [
        ("notebook_id", id.to_owned()),
        ("runtime_state_doc_id", format!("runtime:{id}")),
        ("comms_doc_id", format!("comms:{id}")),
    ] {
        assert_eq!(notebook.root_text(key), Some(expected));
    }
    notebook.add_cell("c", "code", None).unwrap();
    notebook.heads();
    notebook.replace_source("c", "1").unwrap();
    notebook.heads();
    let all = notebook.doc_mut().get_changes(&[]);
    assert_eq!(all.len(), 4);
    for change in &all[1..] {
        assert_eq!((change.timestamp(), change.message()), (0, None));
    }
}

fn object(notebook: &NotebookDoc, path: &[&str]) -> automerge::ObjId {
    path.iter().fold(automerge::ROOT, |at, key| {
        automerge::ReadDoc::get(notebook.doc(), &at, *key)
            .unwrap()
            .unwrap()
            .1
    })
}

// DOC-017
#[test]
fn an_object_is_updated_in_place() {
    use serde_json::Map;
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    let write = |notebook: &mut NotebookDoc, extras: Value| {
        let extras: Map<String, Value> = extras.as_object().unwrap().clone();
        let snapshot = super::MetadataSnapshot {
            extras,
            ..Default::default()
        };
        notebook.set_metadata(&snapshot).unwrap();
    };
    write(&mut notebook, json!({"x": {"gone": 1, "kept": {"a": 1}}}));
    let before = ["kept"].map(|key| object(&notebook, &["metadata", "x", key]));
    write(&mut notebook, json!({"x": {"kept": {"a": 2}}}));
    let after = ["kept"].map(|key| object(&notebook, &["metadata", "x", key]));
    assert_eq!(before, after);
    let x = object(&notebook, &["metadata", "x"]);
    assert_eq!(
        Value::Object(notebook.reader().map_json(&x)),
        json!({"kept": {"a": 2}})
    );
}

// DOC-041
#[test]
fn a_new_cell_has_its_keys_and_no_execution() {
    use automerge::ReadDoc;
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    notebook.add_cell("c", "code", None).unwrap();
    let cells = object(&notebook, &["cells"]);
    let (value, id) = notebook.doc().get(&cells, "c").unwrap().unwrap();
    let expected = json!({"map": {
        "id": {"str": "c"}, "cell_type": {"str": "code"}, "position": {"str": "80"},
        "source": {"text": ""}, "execution_count": {"str": "null"}, "metadata": {"map": {}},
        "resolved_assets": {"map": {}}, "attachments": {"map": {}},
    }});
    assert_eq!(typed(notebook.doc(), &value, &id), expected);
}

// DOC-043 DOC-044 DOC-059
#[test]
fn odd_cells_are_skipped_or_completed() {
    use automerge::ObjType;
    use automerge::transaction::Transactable;
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    let cells = object(&notebook, &["cells"]);
    let doc = notebook.doc_mut();
    doc.put_object(&cells, "nameless", ObjType::Map).unwrap();
    let numbered = doc.put_object(&cells, "numbered", ObjType::Map).unwrap();
    doc.put(&numbered, "id", 7).unwrap();
    doc.put(&cells, "scalar", "x").unwrap();
    let bare = doc.put_object(&cells, "bare", ObjType::Map).unwrap();
    doc.put(&bare, "id", "bare").unwrap();
    doc.put(&bare, "metadata", r#"{"tags": ["old"]}"#).unwrap();
    assert_eq!(notebook.cell_ids(), ["bare"]);
    let cell = notebook.read_cell("bare").unwrap();
    assert_eq!(
        (cell.position.as_str(), cell.execution_count.as_str()),
        ("80", "null")
    );
    assert_eq!(cell.metadata, json!({"tags": ["old"]}));
}

// DOC-048 DOC-049
#[test]
fn an_unknown_neighbour_or_a_large_index_appends() {
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    notebook.add_cell("z", "code", None).unwrap();
    notebook.add_cell("y", "code", Some("z")).unwrap();
    notebook.add_cell("x", "code", Some("nobody")).unwrap();
    notebook.insert_cell("w", "code", 99).unwrap();
    assert_eq!(notebook.cell_ids(), ["z", "y", "x", "w"]);
}

// DOC-050
#[test]
fn a_move_writes_the_position_alone() {
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    notebook.add_cell("a", "code", None).unwrap();
    notebook.add_cell("b", "code", Some("a")).unwrap();
    let heads = notebook.heads();
    notebook.move_cell("a", Some("b")).unwrap();
    notebook.heads();
    let written = notebook.doc_mut().get_changes(&heads);
    assert_eq!((written.len(), written[0].len()), (1, 1));
    assert_eq!(notebook.cell_ids(), ["b", "a"]);
}

// DOC-052 DOC-058
#[test]
fn clearing_keeps_the_map_and_new_metadata_replaces_it() {
    let mut notebook = NotebookDoc::from_seed("runtimed").unwrap();
    notebook.add_cell("a", "code", None).unwrap();
    let before = object(&notebook, &["cells", "a", "metadata"]);
    let fields = json!({"tags": ["t"]});
    notebook
        .set_cell_metadata("a", fields.as_object().unwrap())
        .unwrap();
    assert_ne!(object(&notebook, &["cells", "a", "metadata"]), before);
    assert_eq!(notebook.read_cell("a").unwrap().metadata, fields);
    let cells = object(&notebook, &["cells"]);
    notebook.clear_cells().unwrap();
    assert_eq!(object(&notebook, &["cells"]), cells);
    assert!(notebook.cell_ids().is_empty());
}
