use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::ipynb::{export, fit, import};
use crate::runtime_state::NewExecution;

const ID: &str = "01M7WDQMH17K9KHD3JS8WAMXVV";

fn open_text(text: &str) -> Result<HostedFile, FileError> {
    let mut outputs = 0;
    let file = import(text, Uuid::nil(), &|_| false, &mut || {
        outputs += 1;
        format!("o{outputs}")
    })
    .unwrap();
    let mut executions = 0;
    open(ID, file, &mut || {
        executions += 1;
        Uuid::from_u128(executions)
    })
}

/// Through storage and back, as a room does.
fn reopen(hosted: &mut HostedFile) -> (NotebookDoc, RuntimeStateDoc) {
    let notebook = NotebookDoc::load(&hosted.notebook.save(), "user:dev:a/x").unwrap();
    let runtime = RuntimeStateDoc::load(&hosted.runtime.save(), "user:dev:a/x").unwrap();
    (notebook, runtime)
}

fn back(hosted: &mut HostedFile) -> String {
    let (notebook, runtime) = reopen(hosted);
    let named = blobs_named(&notebook, &runtime);
    assert!(hosted.blobs.iter().all(|blob| named.contains(&blob.sha256)));
    let blobs = |hash: &str| {
        let found = hosted.blobs.iter().find(|blob| blob.sha256 == hash);
        found.map(|blob| blob.bytes.clone())
    };
    export(
        &gather(&notebook, &runtime, &hosted.comms, &blobs).unwrap(),
        &blobs,
    )
    .unwrap()
}

// DOC-185
#[test]
fn the_sample_goes_through_the_documents_and_comes_back() {
    let text = include_str!("../../../../tests/vectors/sample.ipynb");
    assert_eq!(back(&mut open_text(text).unwrap()), text);
}

// DOC-200 DOC-201
#[test]
fn outputs_become_an_ended_execution_and_nothing_else_does() {
    let file = json!({ "cells": [
        { "cell_type": "code", "id": "a", "source": "1", "execution_count": 7, "outputs": [
            { "output_type": "stream", "name": "stdout", "text": "x" },
            { "output_type": "error", "ename": "E", "evalue": "v", "traceback": [] } ] },
        { "cell_type": "code", "id": "b", "source": "2", "execution_count": null, "outputs": [] },
    ]});
    let mut hosted = open_text(&file.to_string()).unwrap();
    let (notebook, runtime) = reopen(&mut hosted);
    let id = notebook.execution_id("a").unwrap();
    let execution = runtime.execution(&id).unwrap();
    assert_eq!(
        (execution.status.as_str(), execution.success),
        ("done", Some(false))
    );
    assert_eq!(
        (execution.execution_count, execution.source),
        (Some(7), None)
    );
    let seqs: Vec<u64> = runtime
        .outputs(&id)
        .iter()
        .map(|output| output.seq)
        .collect();
    assert_eq!(seqs, [0, 1]);
    assert_eq!(notebook.execution_id("b"), None);
    assert_eq!(runtime.all_execution_ids(), [id]);
}

// DOC-203
#[test]
fn cells_metadata_and_attachments_come_back() {
    let file = json!({
        "cells": [
            { "cell_type": "markdown", "id": "m", "metadata": { "tags": ["t"] },
              "source": ["![x](attachment:x.png)\n", "y"],
              "attachments": { "x.png": { "image/png": "AAEC" }, "t": { "text/plain": "words" } } },
            { "cell_type": "raw", "id": "r", "metadata": {}, "source": [] },
        ],
        "metadata": { "kernelspec": { "name": "k", "display_name": "K" }, "custom": [1] },
        "nbformat": 4, "nbformat_minor": 5,
    });
    let mut hosted = open_text(&file.to_string()).unwrap();
    assert_eq!(hosted.blobs.len(), 2);
    let again: Value = serde_json::from_str(&back(&mut hosted)).unwrap();
    assert_eq!(again, file);
}

#[test]
fn a_file_without_cells_keeps_the_starter_cell() {
    let hosted = open_text(r#"{"cells": []}"#).unwrap();
    assert_eq!(hosted.notebook.cells().len(), 1);
}

// As nbformat does: a file that was put together by hand is no reason to refuse what it holds.
#[test]
fn of_cells_that_share_an_id_the_later_gets_another() {
    let cells = json!([
        { "id": "a", "cell_type": "code", "source": "1" },
        { "id": "a", "cell_type": "code", "source": "2" },
        { "id": "a", "cell_type": "markdown", "source": "3" },
    ]);
    let hosted = open_text(&json!({ "cells": cells }).to_string()).unwrap();
    let cells = hosted.notebook.cells();
    let sources: Vec<&str> = cells.iter().map(|cell| cell.source.as_str()).collect();
    assert_eq!(sources, ["1", "2", "3"]);
    assert_eq!(cells[0].id, "a");
    let ids: std::collections::BTreeSet<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_no_reader_could_show_is_refused() {
    for cells in [
        json!([{ "id": "a", "cell_type": "heading" }]),
        json!([{ "id": "a", "cell_type": "markdown", "attachments": { "x": { "image/png": "?" } } }]),
        json!([{ "id": "a", "cell_type": "markdown", "attachments": { "x": 1 } }]),
    ] {
        let text = json!({ "cells": cells }).to_string();
        assert!(open_text(&text).is_err(), "{text}");
    }
}

#[test]
fn long_text_in_several_entries_is_one_stream_in_the_file() {
    let stream =
        |name: &str, text: &str| json!({ "output_type": "stream", "name": name, "text": text });
    let file = json!({ "cells": [{ "cell_type": "code", "id": "a", "outputs": [
        stream("stdout", "one\ntw"), stream("stdout", "o\n"), stream("stderr", "e") ] }] });
    let text = back(&mut open_text(&file.to_string()).unwrap());
    let again: Value = serde_json::from_str(&text).unwrap();
    let outputs = again["cells"][0]["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 2);
    assert_eq!(outputs[0]["text"], json!(["one\n", "two\n"]));
}

#[test]
fn a_copy_shows_the_same_under_another_id() {
    let file = json!({
        "cells": [
            { "cell_type": "code", "id": "a", "source": "1", "execution_count": 7, "metadata": { "tags": ["t"] },
              "outputs": [{ "output_type": "stream", "name": "stdout", "text": "x".repeat(2000) }] },
            { "cell_type": "markdown", "id": "m", "source": "![x](attachment:x.png)",
              "attachments": { "x.png": { "image/png": "AAEC" } } },
        ],
        "metadata": { "kernelspec": { "name": "k", "display_name": "K" }, "custom": [1] },
    });
    let mut first = open_text(&file.to_string()).unwrap();
    let text = back(&mut first);
    let (notebook, runtime) = reopen(&mut first);
    let mut executions = 100;
    let (notebook, runtime) = copy(
        "01M7WDQMH17K9KHD3JS8WAMXWW",
        &notebook,
        &runtime,
        &mut || {
            executions += 1;
            Uuid::from_u128(executions)
        },
    )
    .unwrap();
    assert_eq!(
        notebook.root_text("notebook_id").unwrap(),
        "01M7WDQMH17K9KHD3JS8WAMXWW"
    );
    let mut second = HostedFile {
        notebook,
        runtime,
        comms: first.comms,
        blobs: first.blobs,
    };
    assert_eq!(back(&mut second), text);
}

// DOC-081
#[test]
fn an_attachment_keeps_its_word_and_without_one_it_is_base64() {
    use automerge::transaction::Transactable;
    let file = json!({ "cells": [{ "cell_type": "markdown", "id": "m", "metadata": {}, "source": "",
        "attachments": { "x.png": { "image/png": "AAEC" }, "t": { "text/plain": "words" } } }] });
    let mut hosted = open_text(&file.to_string()).unwrap();
    let attachments = hosted.notebook.read_cell("m").unwrap().attachments;
    assert_eq!(attachments["x.png"]["image/png"]["encoding"], "base64");
    assert_eq!(attachments["t"]["text/plain"]["encoding"], "text");
    let reader = hosted.notebook.reader();
    let path = ["cells", "m", "attachments", "x.png", "image/png"];
    let entry = path
        .iter()
        .fold(automerge::ROOT, |at, key| reader.map(&at, key).unwrap());
    hosted
        .notebook
        .doc_mut()
        .delete(&entry, "encoding")
        .unwrap();
    let again: Value = serde_json::from_str(&back(&mut hosted)).unwrap();
    assert_eq!(
        again["cells"][0]["attachments"],
        file["cells"][0]["attachments"]
    );
}

// DOC-202
#[test]
fn doc_202_widgets_of_a_file_become_topology_and_state_by_id() {
    let long = "x".repeat(2000);
    let widgets = json!({"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": {
        "b": {"model_name": "IntSliderModel", "model_module": "@jupyter-widgets/controls", "state": {
            "_model_name": "IntSliderModel", "_model_module": "@jupyter-widgets/controls", "value": 5,
            "description": long}},
        "a": {"state": {"_model_name": "ImageModel", "_model_module": "@jupyter-widgets/controls", "items": [1, null]},
            "buffers": [{"encoding": "base64", "path": ["value"], "data": "AP8="},
                {"encoding": "hex", "path": ["items", 1], "data": "00"}]},
        "nameless": {"model_name": "X", "state": {"value": 1}},
    }}});
    let file = json!({"cells": [], "metadata": {"widgets": widgets}});
    let mut hosted = open_text(&file.to_string()).unwrap();
    let (_, runtime) = reopen(&mut hosted);
    let comms = CommsDoc::load(&hosted.comms.save(), "user:dev:a/x").unwrap();
    assert_eq!(comms.comm_ids(), ["a", "b"]);
    let entries = &runtime.reader().root_map("comms").unwrap();
    let entries = Value::Object(runtime.reader().map_json(entries));
    for (id, seq, name) in [("a", 0, "ImageModel"), ("b", 1, "IntSliderModel")] {
        let entry = &entries[id];
        assert_eq!((&entry["seq"], &entry["state"]), (&json!(seq), &json!({})));
        assert_eq!(entry["target_name"], "jupyter.widget");
        assert_eq!(entry["model_name"], name);
        assert_eq!(entry["model_module"], "@jupyter-widgets/controls");
    }
    assert_eq!(comms.value("b", "value"), Some(json!(5)));
    assert_eq!(comms.value("b", "description").unwrap()["size"], 2000);
    let blobs = |hash: &str| {
        let found = hosted.blobs.iter().find(|blob| blob.sha256 == hash);
        found.map(|blob| blob.bytes.clone())
    };
    let back = crate::ipynb::widget_state(&runtime, &comms, &blobs).unwrap();
    let models = &back[crate::ipynb::WIDGET_STATE_MIME]["state"];
    assert_eq!(models["b"]["state"]["description"], long);
    let mut buffers = models["a"]["buffers"].as_array().unwrap().clone();
    buffers.sort_by_key(Value::to_string);
    assert_eq!(
        (&buffers[0]["data"], &buffers[0]["path"]),
        (&json!("AA=="), &json!(["items", 1]))
    );
    assert_eq!(
        (&buffers[1]["data"], &buffers[1]["path"]),
        (&json!("AP8="), &json!(["value"]))
    );
}

// DOC-195
#[test]
fn doc_195_a_file_made_before_a_new_run_says_anything_keeps_what_was_shown() {
    let cell = json!({"cell_type": "code", "id": "a", "source": "1", "metadata": {}, "execution_count": null, "outputs": []});
    let mut hosted = open_text(&json!({"cells": [cell]}).to_string()).unwrap();
    let run = |hosted: &mut HostedFile, id: &str, seq| {
        let new = NewExecution {
            id,
            source: "1",
            cell_id: Some("a"),
            seq,
            submitted_by: None,
        };
        hosted.runtime.create_execution(&new).unwrap();
        hosted.notebook.set_execution_id("a", Some(id)).unwrap();
    };
    let print = |hosted: &mut HostedFile, id: &str, text: &str| {
        let output = json!({"output_type": "stream", "name": "stdout", "text": {"inline": text}, "output_id": format!("of {id}")});
        hosted.runtime.append_outputs(id, &[output]).unwrap();
    };
    let shown = |hosted: &HostedFile| {
        let text = export(
            &gather(&hosted.notebook, &hosted.runtime, &hosted.comms, &|_| None).unwrap(),
            &|_| None,
        )
        .unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let cell = &file["cells"][0];
        (
            cell["execution_count"].clone(),
            cell["outputs"][0]["text"][0].clone(),
        )
    };
    for (id, seq) in [("e1", 1), ("e2", 2)] {
        run(&mut hosted, id, seq);
        print(&mut hosted, id, id);
        hosted.runtime.set_running(id).unwrap();
        hosted.runtime.set_execution_count(id, seq as i64).unwrap();
        hosted.runtime.finish(id, true).unwrap();
    }
    assert_eq!(shown(&hosted), (json!(2), json!("e2")));
    run(&mut hosted, "e3", 3);
    assert_eq!(shown(&hosted), (json!(2), json!("e2")), "queued");
    hosted.runtime.set_running("e3").unwrap();
    assert_eq!(shown(&hosted), (json!(2), json!("e2")), "running");
    print(&mut hosted, "e3", "new");
    assert_eq!(shown(&hosted).1, "new");
    // One that ended without a word shows nothing.
    run(&mut hosted, "e4", 4);
    hosted.runtime.set_running("e4").unwrap();
    hosted.runtime.finish("e4", true).unwrap();
    assert_eq!(shown(&hosted).1, Value::Null);
}

#[test]
fn what_does_not_fit_a_file_is_made_to_fit_in_a_download() {
    let long = "x".repeat(65);
    let image = |blob: &str| {
        json!({"output_type": "display_data", "output_id": blob, "metadata": {}, "data": {
        "image/png": {"blob": blob, "size": 1, "media_type": "image/png"}, "text/plain": {"inline": "plain"}}})
    };
    let file = json!({"metadata": {"kernelspec": {"name": "ir"}, "language_info": {"version": 4}, "authors": ["a"]}, "cells": [
        {"cell_type": "code", "id": "has space", "source": "1", "metadata": {"scrolled": "auto", "deletable": "no", "own": 1}},
        {"cell_type": "markdown", "id": long, "source": "2", "metadata": {"tags": "one"}},
        {"cell_type": "code", "id": "c", "source": "3", "metadata": {}, "execution_count": 1, "outputs": []},
    ]});
    let mut hosted = open_text(&file.to_string()).unwrap();
    let (notebook, mut runtime) = reopen(&mut hosted);
    let id = notebook.execution_id("c").unwrap();
    let gone = "a".repeat(64);
    runtime.append_outputs(&id, &[image(&gone)]).unwrap();
    let mut gathered = gather(&notebook, &runtime, &hosted.comms, &|_| None).unwrap();
    assert!(export(&gathered, &|_| None).is_err());
    fit(&mut gathered, &|_| false);
    let again = gathered.clone();
    let text = export(&gathered, &|_| None).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        written["metadata"],
        json!({"authors": ["a"], "kernelspec": {"name": "ir", "display_name": "ir"}})
    );
    assert_eq!(
        written["cells"][0]["metadata"],
        json!({"scrolled": "auto", "own": 1})
    );
    assert_eq!(written["cells"][1]["metadata"], json!({}));
    let ids = [0, 1].map(|at| written["cells"][at]["id"].as_str().unwrap().to_owned());
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.starts_with("cell-")));
    assert_eq!(
        written["cells"][2]["outputs"][0]["data"],
        json!({"text/plain": ["plain"]})
    );
    gathered = again.clone();
    fit(&mut gathered, &|_| false);
    assert_eq!(gathered.cells[0].id, again.cells[0].id);
}

#[test]
fn pictures_whose_base64_has_line_breaks_are_blobs() {
    let picture = json!({"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBO\nRw0K\n"}});
    let file =
        json!({"cells": [{"cell_type": "code", "id": "a", "source": "1", "outputs": [picture]}]});
    let hosted = open_text(&file.to_string()).unwrap();
    assert_eq!(hosted.blobs[0].bytes, b"\x89PNG\r\n");
}
