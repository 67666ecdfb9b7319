use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::ipynb::{export, import};

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
    export(&gather(&notebook, &runtime, &blobs).unwrap(), &blobs).unwrap()
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

#[test]
fn what_no_reader_could_show_is_refused() {
    for cells in [
        json!([{ "id": "a", "cell_type": "code" }, { "id": "a", "cell_type": "code" }]),
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
