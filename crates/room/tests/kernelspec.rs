//! Which kernel the notebook asks for, as its runtime peer hears it.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable as _;
use automerge::{ObjType, ROOT, ReadDoc as _};
use common::{Client, Harness, attached, runtime, starter_cell};
use documents::DocKind;
use serde_json::json;

fn ask_for(harness: &mut Harness, browser: &mut Client, name: &str) {
    let doc = browser.doc(DocKind::Notebook);
    let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
    let spec = doc
        .put_object(&metadata, "kernelspec", ObjType::Map)
        .unwrap();
    doc.put(&spec, "name", name).unwrap();
    harness.settle(&mut [browser]);
}

fn heard(machine: &mut Client) -> Option<String> {
    let doc = machine.doc(DocKind::RuntimeState);
    let kernel = doc.get(ROOT, "kernel").unwrap()?.1;
    let (value, _) = doc.get(&kernel, "kernelspec").unwrap()?;
    Some(common::show(&value))
}

fn heard_language(machine: &mut Client) -> Option<String> {
    let doc = machine.doc(DocKind::RuntimeState);
    let kernel = doc.get(ROOT, "kernel").unwrap()?.1;
    let (value, _) = doc.get(&kernel, "kernelspec_language").unwrap()?;
    Some(common::show(&value))
}

#[test]
fn the_language_comes_from_the_name_the_kernelspec_or_the_language_info() {
    for (name, spec_language, info, expected) in [
        ("ir", Some("R"), Some("python"), "r"),
        ("ir", None, Some("R"), "r"),
        ("mine", Some("Python"), None, "python"),
        ("mine", None, Some("python"), "python"),
        ("mine", None, None, ""),
        ("conda-env-x-py", None, None, "python"),
        ("conda-env-x-r", Some("R"), None, "r"),
        ("deno", None, Some("python"), "typescript"),
    ] {
        let (mut harness, mut browser, mut machine) = attached();
        let doc = browser.doc(DocKind::Notebook);
        let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
        let map = |doc: &mut automerge::AutoCommit, key| {
            doc.put_object(&metadata, key, ObjType::Map).unwrap()
        };
        let spec = map(doc, "kernelspec");
        doc.put(&spec, "name", name).unwrap();
        if let Some(language) = spec_language {
            doc.put(&spec, "language", language).unwrap();
        }
        if let Some(language) = info {
            let info = map(doc, "language_info");
            doc.put(&info, "name", language).unwrap();
        }
        harness.settle(&mut [&mut browser]);
        harness.request("owner", json!({"id": "s", "action": "restart_kernel"}));
        harness.settle(&mut [&mut browser, &mut machine]);
        assert_eq!(heard(&mut machine).as_deref(), Some(name));
        let language = heard_language(&mut machine);
        assert_eq!(language.as_deref().unwrap_or("python"), expected, "{name}");
    }
}

#[test]
fn a_notebook_in_the_language_of_deno_asks_for_it_without_a_name() {
    for (language, expected) in [("typescript", Some("deno")), ("python", None)] {
        let (mut harness, mut browser, mut machine) = attached();
        let doc = browser.doc(DocKind::Notebook);
        let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
        let _ = doc.delete(&metadata, "kernelspec");
        let info = doc
            .put_object(&metadata, "language_info", ObjType::Map)
            .unwrap();
        doc.put(&info, "name", language).unwrap();
        harness.settle(&mut [&mut browser]);
        harness.request("owner", json!({"id": "s", "action": "restart_kernel"}));
        harness.settle(&mut [&mut browser, &mut machine]);
        assert_eq!(heard(&mut machine).as_deref(), expected);
    }
}

#[test]
fn a_runtime_peer_hears_it_when_it_comes_and_before_each_run_and_restart() {
    let (mut harness, mut browser, mut machine) = attached();
    let run = json!({"id": "r", "action": "execute_cell", "cell_id": starter_cell()});
    ask_for(&mut harness, &mut browser, "python3");
    assert_eq!(harness.ask("owner", run.clone()), None);
    // Python is what a machine has anyway: nothing is written.
    assert_eq!(harness.kernel("kernelspec"), None);

    ask_for(&mut harness, &mut browser, "ir");
    harness.request("owner", json!({"id": "s", "action": "restart_kernel"}));
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(heard(&mut machine).unwrap(), "ir");

    harness.leave("rt");
    ask_for(&mut harness, &mut browser, "deno");
    let again = runtime("rt-2", "ws-1", Some("job-1"));
    let mut machine = Client::runtime(&again);
    harness.join(again);
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(heard(&mut machine).unwrap(), "deno");

    ask_for(&mut harness, &mut browser, "python3");
    let cell = "second-cell";
    browser.add_cell(cell, "code", "F0", "1");
    harness.settle(&mut [&mut browser]);
    let run = json!({"id": "t", "action": "execute_cell", "cell_id": cell});
    assert_eq!(harness.ask("owner", run), None);
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(heard(&mut machine).unwrap(), "python3");
}
