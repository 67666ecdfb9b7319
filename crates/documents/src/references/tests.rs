use serde_json::json;

use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn documents() -> (NotebookDoc, RuntimeStateDoc) {
    let mut notebook = NotebookDoc::hosted_bootstrap("n").unwrap();
    let cell = crate::notebook::Cell {
        id: "a".into(),
        cell_type: "markdown".into(),
        position: String::new(),
        source: format!("see {C} and {A}0"),
        execution_count: "null".into(),
        metadata: json!({}),
        resolved_assets: json!(null),
        attachments: json!({"x.png": {"image/png": {"blob_hash": B, "encoding": "base64"}}}),
        execution_id: None,
    };
    notebook.append_cells(&[cell]).unwrap();
    let mut runtime = RuntimeStateDoc::from_seed("system:test/x").unwrap();
    let output = json!({
        "output_id": "o", "output_type": "display_data", "metadata": {},
        "data": {"image/png": {"blob": A, "size": 7}, "text/plain": {"inline": C}},
    });
    runtime
        .import_execution("e", None, true, &[output])
        .unwrap();
    (notebook, runtime)
}

#[test]
fn a_reference_has_the_size_and_type_that_stand_with_it() {
    let (notebook, runtime) = documents();
    let found = named(&notebook, &runtime);
    let one = |hash: &str| {
        let reference = &found[hash];
        (reference.size, reference.media_type.as_deref())
    };
    assert_eq!(one(A), (Some(7), Some("image/png")));
    assert_eq!(one(B), (None, Some("image/png")));
    // A text that only looks like a name is no reference.
    assert_eq!(found.len(), 2);
}

#[test]
fn whatever_looks_like_a_name_is_mentioned() {
    let (notebook, runtime) = documents();
    let all = |doc: &AutoCommit| mentioned(doc).into_iter().collect::<Vec<_>>();
    assert_eq!(all(notebook.doc()), [B, C]);
    assert_eq!(all(runtime.doc()), [A, C]);
}
