//! How many executions a room keeps (documents 5.13).
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable as _;
use automerge::{ROOT, ReadDoc as _};
use common::{Harness, attached, starter_cell, uuid};
use documents::DocKind;
use serde_json::json;

fn execute(harness: &mut Harness, cell: &str, id: &str) {
    let request = json!({"id": "r", "action": "execute_cell", "cell_id": cell, "execution_id": id});
    assert_eq!(harness.ask("owner", request), None);
}

// DOC-112
#[test]
fn doc_5_13_old_executions_are_trimmed_and_shown_ones_stay() {
    let (mut harness, mut browser, mut machine) = attached();
    browser.add_cell("shown", "code", "90", "first");
    harness.settle(&mut [&mut browser]);
    execute(&mut harness, "shown", &uuid(1000));
    browser.add_cell("waits", "code", "91", "second");
    harness.settle(&mut [&mut browser]);
    execute(&mut harness, "waits", &uuid(1001));
    harness.settle(&mut [&mut browser]);
    let notebook = browser.doc(DocKind::Notebook);
    let cells = notebook.get(ROOT, "cells").unwrap().unwrap().1;
    notebook.delete(&cells, "waits").unwrap();
    harness.settle(&mut [&mut browser, &mut machine]);
    let mut trimmed_to = Vec::new();
    for n in 0..100 {
        let before = harness.execution_ids().len();
        execute(&mut harness, &starter_cell(), &uuid(n));
        let after = harness.execution_ids().len();
        if after <= before {
            trimmed_to.push(after);
        }
        harness.settle(&mut [&mut browser, &mut machine]);
        for id in [uuid(n), uuid(1000)] {
            if harness.execution(&id, "status").unwrap() == "queued" {
                machine.put(&id, "status", "running");
                machine.put(&id, "status", "done");
            }
        }
        harness.settle(&mut [&mut machine, &mut browser]);
    }
    assert_eq!(machine.rejections(), Vec::<String>::new());
    let ids = harness.execution_ids();
    assert!(ids.len() <= 64 + 16, "{}", ids.len());
    assert_eq!(trimmed_to, [64, 64]);
    assert!(ids.contains(&uuid(1000)), "a cell shows it");
    assert!(ids.contains(&uuid(1001)), "it waits, and no cell shows it");
    assert!(ids.contains(&uuid(99)));
}
